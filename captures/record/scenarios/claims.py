"""Which claims of the notes (docs/notes) each capture serves."""

CLAIMS = {
    "eth-arp": """
        osi-ethernet-is-physical osi-datalink-reliable osi-network-ip-icmp-arp note-conflict-layer-of-arp
        note-conflict-layer-lists tcpip-link-digital-signal ethernet-header-fields arp-resolves-ip-to-mac
        arp-cache-first arp-request-broadcast arp-request-contents arp-only-target-replies arp-reply-unicast
        arp-cache-update-requester arp-target-learns-from-request arp-between-llc-and-mac
        arp-physical-address-term
    """,
    "arp-spoof": """
        arp-only-target-replies arp-spoofing http-no-server-auth
    """,
    "routed-two-links": """
        osi-datalink-frames osi-network-routing osi-transport-end-to-end osi-layer-service-adjacent arp-lan-only
        arp-off-link-needs-rarp-dhcp ip-host-to-host zero-prefix-default-route dhcp-is-arp-substitute
        switch-broadcast-domain router-l3-forwarding router-nat-firewall lan-broadcast-reach
        keepalived-cross-subnet-vip
    """,
    "icmp-basic": """
        osi-network-congestion-qos osi-network-ip-icmp-arp icmp-errors-and-info icmp-in-ip
        icmp-ping-checks-connectivity wan-internet-largest
    """,
    "ip-fragments": """
        port-src-dst-pair udp-small-data
    """,
    "tcp-basic": """
        tcpip-tcp-reliable-udp-efficient port-16-bit-range port-dynamic-49152-65535 port-src-dst-pair
        tcp-handshake-three-packets tcp-handshake-connect-triggers tcp-handshake-client-syn
        tcp-handshake-second-synack tcp-handshake-second-ack tcp-handshake-third-ack
        tcp-handshake-states-simultaneous tcp-syn-ack-merged tcp-syn-flag-means-request tcp-isn-random
        tcp-handshake-only-isn tcp-handshake-ensures-both-ready tcp-state-names-differ tcp-connection-oriented
        tcp-connection-like-phone-call tcp-ack-cumulative tcp-point-to-point tcp-header-20-bytes
        tcp-udp-resource tcp-slower-than-udp udp-faster socket-abstraction socket-tcp-flow
    """,
    "tcp-two-sides": """
        tcp-handshake-states-simultaneous note-conflict-established-moment
    """,
    "tcp-syn-anomalies": """
        tcp-handshake-three-packets tcp-handshake-no-data tcp-state-syn-sent tcp-state-syn-received
    """,
    "tcp-close-variants": """
        tcp-state-fin-wait-1 tcp-state-fin-wait-2 tcp-state-close-wait tcp-state-last-ack
        tcp-state-server-closed-on-ack tcp-teardown-four-packets tcp-teardown-merge-three
        tcp-teardown-full-duplex-reason tcp-fin-first-side tcp-fin-client-first tcp-fin-means-no-more-data
        tcp-fin-consumes-sequence tcp-ack-of-fin-half-close tcp-second-fin-meaning tcp-fin-carries-ack
        tcp-close-graceful-fin tcp-forced-close-by-close tcp-rst-aborts tcp-poll-flag-then-close
        tcp-both-must-agree tcp-teardown-diagram-directions note-conflict-second-fin
        note-conflict-who-closes-first tcp-time-wait-active-closer tcp-time-wait-passive-waits-too
        tcp-time-wait-from-missing-close socket-server-closes-first
    """,
    "udp-basic": """
        osi-transport-reliable tcpip-tcp-reliable-udp-efficient tcp-udp-resource tcp-slower-than-udp
        tcp-unfit-for-realtime sticky-udp-none udp-connectionless udp-best-effort udp-header-8-bytes
        udp-no-congestion-control udp-may-cause-congestion udp-unordered udp-integrity-none udp-same-port-both
        udp-client-steps udp-server-steps udp-realtime-apps udp-faster udp-no-delivery-check
    """,
    "dns-basic": """
        osi-session-smtp-dns udp-app-layer-reliability dns-maps-names dns-purpose-website-only
        dns-browser-cache-first dns-query-configured-server dns-local-server-isp dns-resolver-recursion-mislabel
        dns-answer-cached dns-multiple-a-load-balance dns-over-udp-and-tcp dns-address-may-change
    """,
    "http11-basic": """
        osi-seven-layers osi-model-vs-wire osi-application-http-ftp tcpip-four-layers encapsulation-headers-down
        encapsulation-decap-up encapsulation-is-encryption port-http-80-https-443 nginx-is-http-reverse-mail
        tcp-used-by-web-and-files sticky-fix-length-delimiter http-close-after-response
        http-vs-https-connection-close http-disconnect-frees http-keepalive-h1 http-request-message-form
        http-response-message-form http-response-header-contains-status http-get-root-request
        http-host-header-required url-default-port http-status-200 http-content-length http-connection-header
        note-conflict-http-close http-no-server-auth cs-bs-architecture
    """,
}
