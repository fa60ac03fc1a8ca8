//! Renderers: views in, text or JSON out. A renderer knows views and nothing else.

pub mod gift;
pub mod json;
pub mod markdown;
pub mod sheet;
pub mod text;
