//! The ledger of claims and its checks: events and fields in, shown, contradicted or not observed out.

pub mod expression;
