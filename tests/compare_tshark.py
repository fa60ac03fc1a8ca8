#!/usr/bin/env python3
"""Compare pcaplain's packet, flow and event records with tshark's, field by field.

usage: compare_tshark.py --bin PATH/TO/pcaplain [--jobs 2] [--limit N] [--json OUT] [--show 20]
                         [--allow ALLOW.toml] CAPTURE_OR_FOLDER...

Needs tshark (Debian package `tshark`). For every capture it runs

    pcaplain annotate --format json --records packet,flow,event CAPTURE
    tshark -n -r CAPTURE -T fields ...

and compares, per frame, every field of FIELDS that either side has (all occurrences, in order),
per TCP stream the completeness, and per frame the set of tcp.analysis.* flags. What is called tcp.analysis.* is compared by
Wireshark's rules, which pcaplain knows as `--compat wireshark`; its own go by evidence (docs/differences.md, "TCP"), and
tests/compare_analysis.py has both. It prints a table per
field: equal, allowed (with a reason), different, missing (only tshark has it), extra (only pcaplain has it),
the same per family, then the first differences, then one closing line. Exit 0 unless a capture made pcaplain
crash, hang (60 s) or print something that is not the contract; the figures are for the reader to judge.

Allowed is what was looked into and is right as it is. Of a kind that can be stated exactly: RULES, each told in
docs/differences.md. Else an ALLOW.toml lists it:
    [[allow]] file = "x.pcap"  frame = 12  field = "tcp.len"  reason = "tshark ... RFC ..."
`frame` may be a list; without one the entry holds for the whole file.
"""
import argparse, collections, concurrent.futures, datetime, fnmatch, ipaddress, json, os, re, subprocess, sys, tomllib

# name -> kind. Kinds: int (decimal or 0x..), bool, text, params (text with `; name=value` behind), mac, ip, hex (bytes), float
FIELDS = {
    "frame.len": "int", "frame.cap_len": "int",
    "eth.dst": "mac", "eth.src": "mac", "eth.type": "int", "vlan.id": "int", "vlan.priority": "int",
    "arp.hw.type": "int", "arp.proto.type": "int", "arp.opcode": "int", "arp.src.hw_mac": "mac",
    "arp.src.proto_ipv4": "ip", "arp.dst.hw_mac": "mac", "arp.dst.proto_ipv4": "ip",
    "ip.version": "int", "ip.hdr_len": "int", "ip.dsfield.dscp": "int", "ip.dsfield.ecn": "int",
    "ip.len": "int", "ip.id": "int", "ip.flags.df": "bool", "ip.flags.mf": "bool", "ip.frag_offset": "int",
    "ip.ttl": "int", "ip.proto": "int", "ip.checksum": "int", "ip.src": "ip", "ip.dst": "ip",
    "ipv6.tclass.dscp": "int", "ipv6.flow": "int", "ipv6.plen": "int", "ipv6.nxt": "int", "ipv6.hlim": "int",
    "ipv6.src": "ip", "ipv6.dst": "ip",
    "icmp.type": "int", "icmp.code": "int", "icmp.checksum": "int", "icmp.ident": "int", "icmp.seq": "int",
    "icmpv6.type": "int", "icmpv6.code": "int", "icmpv6.nd.ns.target_address": "ip",
    "icmpv6.nd.na.target_address": "ip",
    "udp.srcport": "int", "udp.dstport": "int", "udp.length": "int", "udp.checksum": "int", "udp.stream": "int",
    "tcp.srcport": "int", "tcp.dstport": "int", "tcp.stream": "int", "tcp.seq_raw": "int", "tcp.ack_raw": "int",
    "tcp.seq": "int", "tcp.ack": "int", "tcp.len": "int", "tcp.hdr_len": "int",
    "tcp.flags.syn": "bool", "tcp.flags.ack": "bool", "tcp.flags.fin": "bool", "tcp.flags.reset": "bool",
    "tcp.flags.push": "bool", "tcp.flags.urg": "bool", "tcp.flags.ece": "bool", "tcp.flags.cwr": "bool",
    "tcp.window_size_value": "int", "tcp.window_size": "int", "tcp.checksum": "int", "tcp.urgent_pointer": "int",
    "tcp.options.mss_val": "int", "tcp.options.wscale.shift": "int", "tcp.options.timestamp.tsval": "int",
    "tcp.options.timestamp.tsecr": "int", "tcp.options.sack_le": "int", "tcp.options.sack_re": "int",
    "dns.id": "int", "dns.flags.response": "bool", "dns.flags.opcode": "int", "dns.flags.rcode": "int",
    "dns.flags.recdesired": "bool", "dns.count.queries": "int", "dns.count.answers": "int",
    "dns.qry.name": "text", "dns.qry.type": "int", "dns.a": "ip", "dns.aaaa": "ip", "dns.cname": "text",
    "dhcp.type": "int", "dhcp.id": "int", "dhcp.ip.client": "ip", "dhcp.ip.your": "ip", "dhcp.ip.server": "ip",
    "dhcp.hw.mac_addr": "mac", "dhcp.option.dhcp": "int",
    "http.request.method": "text", "http.request.uri": "text", "http.request.version": "text",
    "http.response.version": "text", "http.response.code": "int", "http.response.phrase": "text",
    "http.host": "text", "http.user_agent": "text", "http.content_type": "text",
    "http.content_length_header": "int", "http.connection": "text", "http.cookie": "text",
    "http.set_cookie": "text", "http.location": "text", "http.referer": "text", "http.server": "text",
    "http.content_encoding": "text", "http.transfer_encoding": "text",
    "tls.record.content_type": "int", "tls.record.version": "int", "tls.record.length": "int",
    "tls.handshake.type": "int", "tls.handshake.extensions_server_name": "text",
    "tls.handshake.ciphersuite": "int", "tls.handshake.extensions_alpn_str": "text",
    # --- TCP
    "tcp.analysis.bytes_in_flight": "int", "tcp.analysis.acks_frame": "int", "tcp.analysis.ack_rtt": "float",
    "tcp.analysis.initial_rtt": "float",
    # --- DNS, NBNS, mDNS, LLMNR
    "dns.a6.address_suffix": "ip", "dns.a6.prefix_len": "int", "dns.a6.prefix_name": "text",
    "dns.afsdb.hostname": "text", "dns.afsdb.subtype": "int", "dns.apl.address_family": "int",
    "dns.apl.afdlength": "int", "dns.apl.afdpart.ipv4": "ip", "dns.apl.afdpart.ipv6": "ip",
    "dns.apl.coded_prefix": "int", "dns.apl.negation": "bool", "dns.caa.flags": "int",
    "dns.caa.flags.issuer_critical": "bool", "dns.caa.tag": "text", "dns.caa.tag_length": "int",
    "dns.caa.value": "text", "dns.cert.algorithm": "int", "dns.cert.key_tag": "int", "dns.cert.type": "int",
    "dns.count.add_rr": "int", "dns.count.auth_rr": "int", "dns.count.labels": "int",
    "dns.count.prerequisites": "int", "dns.count.updates": "int", "dns.count.zones": "int", "dns.csync.flags": "int",
    "dns.csync.flags.immediate": "bool", "dns.csync.flags.soaminimum": "bool", "dns.csync.soa": "int",
    "dns.dname": "text", "dns.dnskey.algorithm": "int", "dns.dnskey.flags": "int",
    "dns.dnskey.flags.key_revoked": "bool", "dns.dnskey.flags.reserved": "int",
    "dns.dnskey.flags.secure_entry_point": "bool", "dns.dnskey.flags.zone_key": "bool", "dns.dnskey.key_id": "int",
    "dns.dnskey.protocol": "int", "dns.ds.algorithm": "int", "dns.ds.digest_type": "int", "dns.ds.key_id": "int",
    "dns.dso.tlv.keepalive.inactivity": "int", "dns.dso.tlv.keepalive.interval": "int", "dns.dso.tlv.length": "int",
    "dns.dso.tlv.retrydelay.retrydelay": "int", "dns.dso.tlv.type": "int", "dns.eui48": "mac", "dns.flags": "int",
    "dns.flags.authenticated": "bool", "dns.flags.authoritative": "bool", "dns.flags.checkdisable": "bool",
    "dns.flags.conflict": "bool", "dns.flags.recavail": "bool", "dns.flags.tentative": "bool",
    "dns.flags.truncated": "bool", "dns.flags.z": "bool", "dns.gpos.altitude": "text",
    "dns.gpos.altitude_length": "int", "dns.gpos.latitude": "text", "dns.gpos.latitude_length": "int",
    "dns.gpos.longitude": "text", "dns.gpos.longitude_length": "int", "dns.hinfo.cpu": "text",
    "dns.hinfo.cpu_length": "int", "dns.hinfo.os": "text", "dns.hinfo.os_length": "int", "dns.hip.hit.length": "int",
    "dns.hip.hit.pk.algo": "int", "dns.hip.pk.length": "int", "dns.hip.rendezvous_server": "text",
    "dns.idsn.address": "text", "dns.idsn.length": "int", "dns.idsn.sa.address": "text", "dns.idsn.sa.length": "int",
    "dns.ilnp.l32": "ip", "dns.ilnp.l32.preference": "int", "dns.ilnp.l64.preference": "int", "dns.ilnp.lp": "text",
    "dns.ilnp.lp.preference": "int", "dns.ilnp.nid.preference": "int", "dns.ipseckey.gateway_algorithm": "int",
    "dns.ipseckey.gateway_dns": "text", "dns.ipseckey.gateway_ipv4": "ip", "dns.ipseckey.gateway_ipv6": "ip",
    "dns.ipseckey.gateway_precedence": "int", "dns.ipseckey.gateway_type": "int", "dns.key.algorithm": "int",
    "dns.key.flags": "int", "dns.key.flags.associated_named_entity": "bool", "dns.key.flags.associated_user": "bool",
    "dns.key.flags.authentication": "bool", "dns.key.flags.confidentiality": "bool", "dns.key.flags.ipsec": "bool",
    "dns.key.flags.mime": "bool", "dns.key.flags.required": "bool", "dns.key.flags.signatory": "int",
    "dns.key.key_id": "int", "dns.key.protocol": "int", "dns.kx.key_exchange": "text", "dns.kx.preference": "int",
    "dns.loc.altitude": "int", "dns.loc.horizontal_precision": "int", "dns.loc.latitude": "int",
    "dns.loc.longitude": "int", "dns.loc.size": "int", "dns.loc.version": "int", "dns.loc.vertical_precision": "int",
    "dns.mb": "text", "dns.md": "text", "dns.mf": "text", "dns.mg": "text", "dns.minfo.e": "text",
    "dns.minfo.r": "text", "dns.mr": "text", "dns.mx.mail_exchange": "text", "dns.mx.preference": "int",
    "dns.naptr.flags": "text", "dns.naptr.flags_length": "int", "dns.naptr.order": "int",
    "dns.naptr.preference": "int", "dns.naptr.regex": "text", "dns.naptr.regex_length": "int",
    "dns.naptr.replacement": "text", "dns.naptr.service": "text", "dns.naptr.service_length": "int", "dns.ns": "text",
    "dns.nsap_ptr.owner": "text", "dns.nsec.next_domain_name": "text", "dns.nsec3.algo": "int",
    "dns.nsec3.flags": "int", "dns.nsec3.flags.opt_out": "bool", "dns.nsec3.hash_length": "int",
    "dns.nsec3.hash_value": "text", "dns.nsec3.iterations": "int", "dns.nsec3.salt_length": "int",
    "dns.nxt.next_domain_name": "text", "dns.opt.chain.fqdn": "text", "dns.opt.client.addr4": "ip",
    "dns.opt.client.addr6": "ip", "dns.opt.client.family": "int", "dns.opt.client.netmask": "int",
    "dns.opt.client.scope": "int", "dns.opt.code": "int", "dns.opt.dau": "int", "dns.opt.dhu": "int",
    "dns.opt.edns_tcp_keepalive.timeout": "int", "dns.opt.ext_error.extra_text": "text",
    "dns.opt.ext_error.info_code": "int", "dns.opt.len": "int", "dns.opt.n3u": "int", "dns.ptr.domain_name": "text",
    "dns.px.map400": "text", "dns.px.map822": "text", "dns.px.preference": "int", "dns.qry.class": "int",
    "dns.qry.name.len": "int", "dns.qry.qu": "bool", "dns.resp.cache_flush": "bool", "dns.resp.class": "int",
    "dns.resp.edns0_version": "int", "dns.resp.ext_rcode": "int", "dns.resp.len": "int", "dns.resp.name": "text",
    "dns.resp.ttl": "int", "dns.resp.type": "int", "dns.resp.z": "int", "dns.resp.z.do": "bool",
    "dns.resp.z.reserved": "int", "dns.rp.mailbox": "text", "dns.rp.txt_rr": "text", "dns.rr.udp_payload_size": "int",
    "dns.rrsig.algorithm": "int", "dns.rrsig.key_tag": "int", "dns.rrsig.labels": "int",
    "dns.rrsig.original_ttl": "int", "dns.rrsig.signers_name": "text", "dns.rrsig.type_covered": "int",
    "dns.rt.intermediate_host": "text", "dns.rt.subtype": "int", "dns.soa.expire_limit": "int",
    "dns.soa.minimum_ttl": "int", "dns.soa.mname": "text", "dns.soa.refresh_interval": "int",
    "dns.soa.retry_interval": "int", "dns.soa.rname": "text", "dns.soa.serial_number": "int", "dns.spf": "text",
    "dns.spf.length": "int", "dns.srv.name": "text", "dns.srv.port": "int", "dns.srv.priority": "int",
    "dns.srv.proto": "text", "dns.srv.service": "text", "dns.srv.target": "text", "dns.srv.weight": "int",
    "dns.sshfp.algorithm": "int", "dns.sshfp.fingerprint.type": "int", "dns.svcb.svcparam.alpn": "text",
    "dns.svcb.svcparam.alpn.length": "int", "dns.svcb.svcparam.ipv4hint.ip": "ip",
    "dns.svcb.svcparam.ipv6hint.ip": "ip", "dns.svcb.svcparam.key": "int", "dns.svcb.svcparam.mandatory.key": "int",
    "dns.svcb.svcparam.port": "int", "dns.svcb.svcparam.value.length": "int", "dns.svcb.svcpriority": "int",
    "dns.svcb.targetname": "text", "dns.tkey.algo_name": "text", "dns.tkey.error": "int", "dns.tkey.key_size": "int",
    "dns.tkey.mode": "int", "dns.tkey.other_size": "int", "dns.tlsa.certificate_usage": "int",
    "dns.tlsa.matching_type": "int", "dns.tlsa.selector": "int", "dns.tsig.algorithm_name": "text",
    "dns.tsig.error": "int", "dns.tsig.fudge": "int", "dns.tsig.mac_size": "int", "dns.tsig.original_id": "int",
    "dns.tsig.other_len": "int", "dns.txt": "text", "dns.txt.length": "int", "dns.wins.cache_timeout": "int",
    "dns.wins.local_flag": "bool", "dns.wins.lookup_timeout": "int", "dns.wins.nb_wins_servers": "int",
    "dns.wins.wins_server": "ip", "dns.winsr.cache_timeout": "int", "dns.winsr.local_flag": "bool",
    "dns.winsr.lookup_timeout": "int", "dns.winsr.name_result_domain": "text", "dns.wks.address": "ip",
    "dns.wks.protocol": "int", "dns.x25.length": "int", "dns.x25.psdn_address": "text", "dns.zonemd.hash_algo": "int",
    "dns.zonemd.scheme": "int", "dns.zonemd.serial": "int", "nbdgm.destination_name": "text", "nbdgm.dgram_id": "int",
    "nbdgm.dgram_len": "int", "nbdgm.error_code": "int", "nbdgm.first": "bool", "nbdgm.flags": "int",
    "nbdgm.next": "bool", "nbdgm.node_type": "int", "nbdgm.pkt_offset": "int", "nbdgm.source_name": "text",
    "nbdgm.src.ip": "ip", "nbdgm.src.port": "int", "nbdgm.type": "int", "nbns.addr": "ip", "nbns.class": "int",
    "nbns.count.add_rr": "int", "nbns.count.answers": "int", "nbns.count.auth_rr": "int", "nbns.count.queries": "int",
    "nbns.data_length": "int", "nbns.flags": "int", "nbns.flags.authoritative": "bool",
    "nbns.flags.broadcast": "bool", "nbns.flags.opcode": "int", "nbns.flags.rcode": "int",
    "nbns.flags.recavail": "bool", "nbns.flags.recdesired": "bool", "nbns.flags.response": "bool",
    "nbns.flags.truncated": "bool", "nbns.id": "int", "nbns.jumpers": "int", "nbns.max_num_pending_sessions": "int",
    "nbns.max_total_sessions_possible": "int", "nbns.name": "text", "nbns.name_flags": "int",
    "nbns.name_flags.act": "bool", "nbns.name_flags.cnf": "bool", "nbns.name_flags.drg": "bool",
    "nbns.name_flags.group": "bool", "nbns.name_flags.ont": "int", "nbns.name_flags.prm": "bool",
    "nbns.nb_flags": "int", "nbns.nb_flags.group": "bool", "nbns.nb_flags.ont": "int", "nbns.netbios_name": "text",
    "nbns.num_alignment_errors": "int", "nbns.num_collisions": "int", "nbns.num_crcs": "int",
    "nbns.num_good_receives": "int", "nbns.num_good_sends": "int", "nbns.num_no_resource_conditions": "int",
    "nbns.num_send_aborts": "int", "nbns.number_of_names": "int", "nbns.numcommand_blocks": "int",
    "nbns.numpending_sessions": "int", "nbns.numretransmits": "int", "nbns.period_of_statistics": "int",
    "nbns.session_data_packet_size": "int", "nbns.test_result": "int", "nbns.ttl": "int", "nbns.type": "int",
    "nbns.unit_id": "mac", "nbns.version_number": "int",
    # --- DHCP, DHCPv6, NTP, SNMP
    "dhcp.hw.type": "int", "dhcp.hw.len": "int", "dhcp.hops": "int", "dhcp.secs": "int", "dhcp.flags.bc": "bool",
    "dhcp.flags.reserved": "int", "dhcp.ip.relay": "ip", "dhcp.hw.addr_padding": "hex", "dhcp.cookie": "ip",
    "dhcp.option.length": "int", "dhcp.option.end": "int", "dhcp.option.padding": "hex",
    "dhcp.option.subnet_mask": "ip", "dhcp.option.time_offset": "int", "dhcp.option.router": "ip",
    "dhcp.option.time_server": "ip", "dhcp.option.name_server": "ip", "dhcp.option.domain_name_server": "ip",
    "dhcp.option.log_server": "ip", "dhcp.option.hostname": "text", "dhcp.option.domain_name": "text",
    "dhcp.option.ip_forwarding": "bool", "dhcp.option.interface_mtu": "int", "dhcp.option.broadcast_address": "ip",
    "dhcp.option.perform_router_discover": "bool", "dhcp.option.static_route.ip": "ip",
    "dhcp.option.static_route.router": "ip", "dhcp.option.ntp_server": "ip",
    "dhcp.option.netbios_over_tcpip_name_server": "ip", "dhcp.option.netbios_over_tcpip_node_type": "int",
    "dhcp.option.requested_ip_address": "ip", "dhcp.option.ip_address_lease_time": "int",
    "dhcp.option.option_overload": "int", "dhcp.option.dhcp_server_id": "ip", "dhcp.option.request_list_item": "int",
    "dhcp.option.message": "text", "dhcp.option.dhcp_max_message_size": "int", "dhcp.option.renewal_time_value": "int",
    "dhcp.option.rebinding_time_value": "int", "dhcp.option.vendor_class_id": "text", "dhcp.client_id": "hex",
    "dhcp.client_id.type": "int", "dhcp.client_id.duid_type": "int",
    "dhcp.option.tftp_server_name": "text", "dhcp.option.bootfile_name": "text", "dhcp.fqdn.n": "bool",
    "dhcp.fqdn.e": "bool", "dhcp.fqdn.o": "bool", "dhcp.fqdn.s": "bool", "dhcp.fqdn.rcode1": "int",
    "dhcp.fqdn.rcode2": "int", "dhcp.fqdn.name": "text",
    "dhcp.option.agent_information_option.suboption": "int", "dhcp.option.suboption_length": "int",
    "dhcp.option.agent_information_option.agent_circuit_id": "hex",
    "dhcp.option.agent_information_option.agent_remote_id": "hex",
    "dhcp.option.agent_information_option.link_selection": "ip",
    "dhcp.option.agent_information_option.subscriber_id": "text", "dhcp.option.client_system_architecture": "int",
    "dhcp.client_network_id_major": "int", "dhcp.client_network_id_minor": "int",
    "dhcp.option.dhcp_auto_configuration": "int", "dhcp.option.dhcp_dns_domain_search_list_fqdn": "text",
    "dhcp.option.vi.enterprise": "int", "dhcp.option.vi.length": "int", "dhcp.option.tftp_server_address": "ip",
    "dhcp.option.private_proxy_autodiscovery": "text",
    "dhcpv6.msgtype": "int", "dhcpv6.xid": "int", "dhcpv6.hopcount": "int", "dhcpv6.linkaddr": "ip",
    "dhcpv6.peeraddr": "ip", "dhcpv6.option.type": "int", "dhcpv6.option.length": "int", "dhcpv6.duid.type": "int",
    "dhcpv6.duidllt.hwtype": "int", "dhcpv6.duidll.hwtype": "int", "dhcpv6.duidllt.link_layer_addr": "mac",
    "dhcpv6.duidll.link_layer_addr": "mac", "dhcpv6.iaid": "hex", "dhcpv6.iaid.t1": "int", "dhcpv6.iaid.t2": "int",
    "dhcpv6.iaaddr.ip": "ip", "dhcpv6.iaaddr.pref_lifetime": "int", "dhcpv6.iaaddr.valid_lifetime": "int",
    "dhcpv6.iaprefix.pref_len": "int", "dhcpv6.iaprefix.pref_addr": "ip", "dhcpv6.iaprefix.pref_lifetime": "int",
    "dhcpv6.iaprefix.valid_lifetime": "int", "dhcpv6.requested_option_code": "int", "dhcpv6.elapsed_time": "int",
    "dhcpv6.status_code": "int", "dhcpv6.status_msg": "text", "dhcpv6.dns_server": "ip",
    "dhcpv6.search_list_entry": "text", "dhcpv6.client_domain": "text", "dhcpv6.vendorclass.data": "text",
    "ntp.flags.li": "int", "ntp.flags.vn": "int", "ntp.flags.mode": "int", "ntp.stratum": "int", "ntp.ppoll": "int",
    "ntp.precision": "int", "ntp.rootdelay": "int", "ntp.rootdispersion": "int", "ntp.refid": "hex",
    "ntp.reftime": "stamp", "ntp.org": "stamp", "ntp.rec": "stamp", "ntp.xmt": "stamp", "ntp.keyid": "hex",
    "ntp.mac": "hex", "ntp.ext.type": "int", "ntp.ext.length": "int", "ntp.ctrl.flags2.r": "bool",
    "ntp.ctrl.flags2.error": "bool", "ntp.ctrl.flags2.more": "bool", "ntp.ctrl.flags2.opcode": "int",
    "ntp.ctrl.sequence": "int", "ntp.ctrl.status": "int", "ntp.ctrl.associd": "int", "ntp.ctrl.offset": "int",
    "ntp.ctrl.count": "int", "ntp.priv.flags.r": "bool", "ntp.priv.flags.more": "bool", "ntp.priv.auth": "bool",
    "ntp.priv.seq": "int", "ntp.priv.impl": "int", "ntp.priv.reqcode": "int",
    "snmp.version": "int", "snmp.community": "text", "snmp.msgVersion": "int", "snmp.msgID": "int",
    "snmp.msgMaxSize": "int", "snmp.v3.flags.report": "bool", "snmp.v3.flags.crypt": "bool",
    "snmp.v3.flags.auth": "bool", "snmp.msgSecurityModel": "int", "snmp.msgAuthoritativeEngineID": "hex",
    "snmp.msgAuthoritativeEngineBoots": "int", "snmp.msgAuthoritativeEngineTime": "int", "snmp.msgUserName": "text",
    "snmp.msgAuthenticationParameters": "hex", "snmp.msgPrivacyParameters": "hex", "snmp.encryptedPDU": "hex",
    "snmp.contextEngineID": "hex", "snmp.contextName": "text", "snmp.data": "int", "snmp.request_id": "int",
    "snmp.error_status": "int", "snmp.error_index": "int", "snmp.non_repeaters": "int", "snmp.max_repetitions": "int",
    "snmp.variable_bindings": "int", "snmp.name": "text", "snmp.value.int": "int", "snmp.value.octets": "hex",
    "snmp.value.oid": "text", "snmp.value.ipv4": "ip", "snmp.value.counter": "int", "snmp.value.g32": "int",
    "snmp.value.timeticks": "int", "snmp.enterprise": "text", "snmp.agent_addr": "ip", "snmp.generic_trap": "int",
    "snmp.specific_trap": "int", "snmp.time_stamp": "int",
    # --- links: LLC, STP, LLDP, PPP, 802.11
    "llc.dsap": "int", "llc.ssap": "int", "llc.control": "int", "llc.control.ftype": "int", "llc.oui": "int",
    "llc.type": "int", "llc.cisco_pid": "int", "stp.version": "int", "stp.type": "int", "stp.flags": "int",
    "stp.root.prio": "int", "stp.root.ext": "int", "stp.root.cost": "int", "stp.bridge.prio": "int",
    "stp.port": "int", "stp.msg_age": "int", "stp.max_age": "int", "stp.hello": "int", "stp.forward": "int",
    "stp.root.hw": "mac", "stp.bridge.hw": "mac", "stp.flags.tc": "bool", "stp.flags.tcack": "bool",
    "lldp.tlv.type": "int", "lldp.tlv.len": "int", "lldp.time_to_live": "int", "lldp.orgtlv.oui": "int",
    "ppp.protocol": "int", "ppp.code": "int", "ppp.identifier": "int", "ppp.length": "int", "lcp.opt.type": "int",
    "lcp.opt.mru": "int", "lcp.opt.magic_number": "int", "ipcp.opt.type": "int", "pppoe.code": "int",
    "pppoe.session_id": "int", "pppoe.payload_length": "int", "ipcp.opt.ip_address": "ip",
    "pppoed.tags.ac_name": "text", "mpls.label": "int", "mpls.exp": "int", "mpls.bottom": "int", "mpls.ttl": "int",
    "wlan.fc.type_subtype": "int", "wlan.flags": "int", "wlan.duration": "int", "wlan.frag": "int",
    "wlan.seq": "int", "wlan.qos.tid": "int", "wlan.fcs": "int", "radiotap.length": "int",
    "radiotap.channel.freq": "int", "radiotap.dbm_antsignal": "int", "wlan.ra": "mac", "wlan.ta": "mac",
    "wlan.da": "mac", "wlan.sa": "mac", "wlan.bssid": "mac", "wlan.fc.retry": "bool", "wlan.fc.protected": "bool",
    # --- network: IGMP, VRRP, tunnels, ICMPv6
    "igmp.version": "int", "igmp.type": "int", "igmp.max_resp": "int", "igmp.checksum": "int",
    "igmp.checksum.status": "int", "igmp.num_grp_recs": "int", "igmp.record_type": "int", "igmp.num_src": "int",
    "igmp.qqic": "int", "igmp.maddr": "ip", "igmp.saddr": "ip", "vrrp.version": "int", "vrrp.type": "int",
    "vrrp.virt_rtr_id": "int", "vrrp.prio": "int", "vrrp.addr_count": "int", "vrrp.checksum": "int",
    "vrrp.checksum.status": "int", "esp.spi": "int", "esp.sequence": "int", "gre.flags_and_version": "int",
    "gre.proto": "int", "gre.key": "int", "gre.sequence_number": "int", "gre.ack_number": "int", "vxlan.vni": "int",
    "geneve.vni": "int", "geneve.option.type": "int", "geneve.option.length": "int", "gtp.message": "int",
    "gtp.teid": "int", "erspan.vlan": "int", "icmpv6.opt.type": "int", "icmpv6.opt.length": "int",
    "icmpv6.opt.prefix.length": "int", "icmpv6.opt.mtu": "int", "icmpv6.opt.dnssl.lifetime": "int",
    "icmpv6.nd.ra.router_lifetime": "int", "icmpv6.mldr.mar.record_type": "int", "vrrp.ip_addr": "ip",
    "teredo.orig.addr": "ip", "icmpv6.opt.prefix": "ip", "icmpv6.opt.rdnss": "ip",
    "icmpv6.mld.multicast_address": "ip", "icmpv6.mldr.mar.multicast_address": "ip", "icmpv6.opt.dnssl": "text",
    # --- TLS, QUIC
    "quic.header_form": "int", "quic.long.packet_type": "int", "quic.long.packet_type_v2": "int",
    "quic.version": "int", "quic.dcil": "int", "quic.scil": "int", "quic.token_length": "int", "quic.length": "int",
    "quic.supported_version": "int",
    "tls.record.opaque_type": "int", "tls.handshake.length": "int", "tls.handshake.version": "int",
    "tls.handshake.random": "text", "tls.handshake.session_id_length": "int", "tls.handshake.session_id": "text",
    "tls.handshake.cipher_suites_length": "int", "tls.handshake.comp_methods_length": "int",
    "tls.handshake.comp_method": "int", "tls.handshake.extensions_length": "int",
    "tls.handshake.extension.type": "int", "tls.handshake.extension.len": "int",
    "tls.handshake.extensions_server_name_list_len": "int", "tls.handshake.extensions_server_name_len": "int",
    "tls.handshake.extensions_server_name_type": "int",
    "tls.handshake.extensions_supported_groups_length": "int", "tls.handshake.extensions_supported_group": "int",
    "tls.handshake.extensions_ec_point_formats_length": "int", "tls.handshake.extensions_ec_point_format": "int",
    "tls.handshake.sig_hash_alg_len": "int", "tls.handshake.sig_hash_alg": "int",
    "tls.handshake.extensions_alpn_len": "int", "tls.handshake.extensions_alpn_str_len": "int",
    "tls.handshake.extensions_key_share_client_length": "int", "tls.handshake.extensions_key_share_group": "int",
    "tls.handshake.extensions_key_share_key_exchange_length": "int",
    "tls.handshake.extensions_key_share_key_exchange": "text",
    "tls.handshake.extensions_key_share_selected_group": "int",
    "tls.handshake.extensions.psk.identities.length": "int",
    "tls.handshake.extensions.psk.identity.identity_length": "int",
    "tls.handshake.extensions.psk.identity.identity": "text",
    "tls.handshake.extensions.psk.identity.obfuscated_ticket_age": "int",
    "tls.handshake.extensions.psk.binders_len": "int", "tls.handshake.extensions.psk.identity.selected": "int",
    "tls.handshake.extensions.supported_versions_len": "int",
    "tls.handshake.extensions.supported_version": "int", "tls.handshake.extensions.cookie": "text",
    "tls.extension.psk_ke_mode": "int", "tls.early_data.max_early_data_size": "int",
    "tls.handshake.extensions_status_request_type": "int", "tls.handshake.extensions_reneg_info_len": "int",
    "tls.handshake.extensions_reneg_info": "text", "tls.handshake.extension.heartbeat.mode": "int",
    "tls.handshake.max_fragment_length": "int", "tls.record_size_limit": "int",
    "tls.compress_certificate.algorithm": "int", "tls.handshake.extensions_npn": "text",
    "tls.handshake.certificates_length": "int", "tls.handshake.certificate_length": "int",
    "tls.handshake.certificate_request_context_length": "int", "tls.handshake.server_curve_type": "int",
    "tls.handshake.server_named_curve": "int", "tls.handshake.server_point_len": "int",
    "tls.handshake.server_point": "text", "tls.handshake.client_point_len": "int",
    "tls.handshake.client_point": "text", "tls.handshake.p_len": "int", "tls.handshake.g_len": "int",
    "tls.handshake.ys_len": "int", "tls.handshake.yc_len": "int", "tls.handshake.epms_len": "int",
    "tls.handshake.epms": "text", "tls.handshake.sig_len": "int", "tls.handshake.sig": "text",
    "tls.handshake.client_cert_vrfy.sig_len": "int", "tls.handshake.client_cert_vrfy.sig": "text",
    "tls.handshake.cert_types_count": "int", "tls.handshake.cert_type": "int", "tls.handshake.dnames_len": "int",
    "tls.handshake.dname_len": "int", "tls.handshake.session_ticket_lifetime_hint": "int",
    "tls.handshake.session_ticket_age_add": "int", "tls.handshake.session_ticket_length": "int",
    "tls.handshake.session_ticket": "text", "tls.handshake.ocsp_response_len": "int",
    "tls.handshake.key_update.request_update": "int", "tls.alert_message.level": "int",
    "tls.alert_message.desc": "int", "tls.heartbeat_message.type": "int",
    "tls.heartbeat_message.payload_length": "int", "tls.handshake.ja3": "text", "tls.handshake.ja3s": "text",
    "tls.handshake.cipherspec": "int",
    "x509af.serialNumber": "text", "x509af.algorithm.id": "text", "x509af.utcTime": "text",
    "x509af.extension.id": "text", "x509if.oid": "text", "x509ce.dNSName": "text", "x509ce.cA": "bool",
    "x509ce.KeyPurposeId": "text",
    "x509ce.SubjectKeyIdentifier": "text",
    # --- HTTP
    "http.request.uri.path": "text", "http.request.uri.query": "text", "http.request.uri.query.parameter": "text",
    "http.request.full_uri": "text", "http.cookie_pair": "text", "http.authbasic": "text",
    "http.request_in": "int", "http.response_for.uri": "text", "http.time": "text", "http.request_number": "int",
    "http.response_number": "int", "http.chunk_size": "int",
    "urlencoded-form.key": "text", "urlencoded-form.value": "text",
    "mime_multipart.header.content-disposition": "params",
    # --- HTTP/2, WebSocket
    "http2.length": "int", "http2.type": "int", "http2.flags": "int", "http2.streamid": "int", "http2.padding": "int",
    "http2.stream_dependency": "int", "http2.headers.weight": "int", "http2.headers.weight_real": "int",
    "http2.rst_stream.error": "int", "http2.settings.id": "int", "http2.settings.header_table_size": "int",
    "http2.settings.enable_push": "int", "http2.settings.max_concurrent_streams": "int",
    "http2.settings.initial_window_size": "int", "http2.settings.max_frame_size": "int",
    "http2.settings.max_header_list_size": "int", "http2.settings.extended_connect": "int",
    "http2.push_promise.promised_stream_id": "int", "http2.goaway.last_stream_id": "int", "http2.goaway.error": "int",
    "http2.window_update.window_size_increment": "int", "http2.header.index": "int", "http2.header.count": "int",
    "http2.header.name.length": "int", "http2.header.value.length": "int",
    "http2.header_table_size_update.header_table_size": "int", "http2.headers.status": "int",
    "http2.headers.content_length": "int", "http2.flags.end_stream": "bool", "http2.flags.eh": "bool",
    "http2.flags.padded": "bool", "http2.flags.priority": "bool", "http2.flags.ack.ping": "bool",
    "http2.flags.ack.settings": "bool", "http2.exclusive": "bool", "http2.header.name": "text",
    "http2.header.value": "text", "http2.header.repr": "text", "http2.headers.method": "text",
    "http2.headers.path": "text", "http2.headers.scheme": "text", "http2.headers.authority": "text",
    "http2.headers.content_type": "text", "http2.headers.user_agent": "text", "http2.headers.server": "text",
    "http2.headers.location": "text", "http2.request.full_uri": "text", "http2.altsvc.origin": "text",
    "http2.altsvc.field_value": "text", "websocket.opcode": "int", "websocket.payload_length": "int",
    "websocket.payload_length_ext_16": "int", "websocket.rsv": "int", "websocket.payload.close.status_code": "int",
    "websocket.fin": "bool", "websocket.mask": "bool", "websocket.payload.text": "text",
    "websocket.payload.close.reason": "text",
    # --- text protocols, databases
    "ftp.request.command": "text", "ftp.request.arg": "text", "ftp.response.code": "int", "ftp.response.arg": "text",
    "ftp.passive.ip": "ip", "ftp.passive.port": "int", "ftp.active.cip": "ip", "ftp.active.port": "int",
    "ftp.epsv.port": "int", "ftp.eprt.ip": "ip", "ftp.eprt.port": "int", "ftp-data.setup-frame": "int",
    "smtp.req.command": "text", "smtp.req.parameter": "text", "smtp.response.code": "int", "smtp.rsp.parameter": "text",
    "pop.request.command": "text", "pop.request.parameter": "text", "pop.response.indicator": "text",
    "pop.response.description": "text",
    "imap.request_tag": "text", "imap.request.command": "text", "imap.response_tag": "text", "imap.response.status": "text",
    "ssh.protocol": "text", "ssh.packet_length": "int", "ssh.padding_length": "int", "ssh.message_code": "int",
    "ssh.kex_algorithms": "text", "ssh.server_host_key_algorithms": "text",
    "ssh.encryption_algorithms_client_to_server": "text", "ssh.mac_algorithms_server_to_client": "text",
    "ssh.host_key.type": "text", "ssh.host_key.length": "int", "ssh.host_sig.length": "int",
    "telnet.cmd": "int", "telnet.subcmd": "int", "telnet.naws_subopt.width": "int",
    "rpc.xid": "int", "rpc.msgtyp": "int", "rpc.program": "int", "rpc.procedure": "int", "rpc.replystat": "int",
    "rpc.state_accept": "int", "rpc.fraglen": "int", "portmap.prog": "int", "portmap.port": "int",
    "mysql.packet_length": "int", "mysql.packet_number": "int", "mysql.version": "text", "mysql.user": "text",
    "mysql.command": "int", "mysql.query": "text", "mysql.error_code": "int", "mysql.affected_rows": "int",
    "pgsql.length": "int", "pgsql.query": "text", "pgsql.authtype": "int", "pgsql.tag": "text", "pgsql.code": "text",
    "socks.version": "int", "socks.command": "int", "socks.results": "int", "socks.dst": "ip", "socks.dstport": "int",
    "socks.port": "int", "socks.remote_name": "text", "socks.username": "text", "socks.auth_method": "int",
    "rtsp.method": "text", "rtsp.url": "text", "rtsp.status": "int", "rtsp.session": "text", "rtsp.transport": "text",
    "rtsp.content-type": "text", "rtsp.content-length": "int", "rtsp.channel": "int", "rtsp.length": "int",
    "nbss.type": "int", "nbss.length": "int", "sip.Method": "text", "sip.r-uri": "text", "sip.Status-Code": "int",
    "sip.Call-ID": "text", "sip.From": "text", "sip.Max-Forwards": "int",
    "irc.request.command": "text", "irc.response.num_command": "int", "irc.response.command": "text",
    "pgsql.field.count": "int", "pgsql.parameter_name": "text",
}
# TCP analysis flags, compared as a set of frames per flag
ANALYSIS = ["retransmission", "fast_retransmission", "spurious_retransmission", "out_of_order", "lost_segment",
            "ack_lost_segment", "duplicate_ack", "keep_alive", "keep_alive_ack", "zero_window", "zero_window_probe",
            "zero_window_probe_ack", "window_full", "window_update", "reused_ports"]
SEP, AGG = "\t", "\x1f"


def canon(kind, text):
    """One value as both sides agree to write it."""
    if kind == "int":
        if isinstance(text, bool): return int(text)
        if isinstance(text, int): return text
        try: return int(str(text), 0)
        except ValueError: return int(text) if str(text).isdecimal() else str(text)  # "0050" is 50, too
    if kind == "float":
        try: return round(float(text), 9)
        except (TypeError, ValueError): return str(text)
    if kind == "bool":
        return {"1": True, "0": False, "true": True, "false": False}.get(str(text).lower(), text)
    if kind == "stamp":
        # "May 30, 2019 20:02:36.073681418 UTC" and "2019-05-30 20:02:36.073681418 UTC"; zero is no time.
        if str(text) in ("0", "NULL"): return "0"
        try: return str(datetime.datetime.strptime(str(text).split(".")[0], "%b %d, %Y %H:%M:%S")) + str(text)[-14:]
        except ValueError: return str(text)
    if kind == "params": text = re.sub(r";\s+", ";", str(text))  # tshark leaves out blanks before a parameter
    if kind == "mac": return str(text).lower().replace("-", ":")
    if kind == "ip":
        try: return str(ipaddress.ip_address(text))
        except ValueError: return str(text)
    # tshark writes a line feed within a text as backslash and n.
    text = str(text).replace("\\r\\n", "").replace("\r\n", "").rstrip("\r\n").replace("\n", "\\n")
    while text.endswith("\\n"): text = text[:-2]
    return text


def plain(flags):
    """tshark calls a fast or spurious retransmission a retransmission besides."""
    return flags - {"retransmission"} if flags & {"fast_retransmission", "spurious_retransmission"} else flags


def tshark_records(path, bodies=False):
    """What tshark says; `bodies`: where it puts HTTP bodies together before it reads on."""
    # What a whole connection showed is known when it is over: without -2 each packet has the value from before it.
    whole = {}
    run = subprocess.run(["tshark", "-n", "-2", "-r", path, "-Y", "tcp.completeness", "-T", "fields", "-e", "tcp.stream", "-e", "tcp.completeness"],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=600)
    for line in run.stdout.decode().split("\n"):
        if "\t" in line: whole.update(zip(*([int(v) for v in cell.split(",")] for cell in line.split("\t"))))
    names = list(FIELDS)
    extra = ["tcp.completeness"] + ["tcp.analysis." + a for a in ANALYSIS]
    cmd = ["tshark", "-n", "-o", "http.desegment_body:" + str(bodies).upper(), "-r", path, "-T", "fields", "-E", "separator=/t", "-E", "occurrence=a", "-E", "aggregator=" + AGG, "-e", "frame.number"]
    for n in names + extra: cmd += ["-e", n]
    run = subprocess.run(cmd, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=600)
    frames, flags, complete = {}, {}, {}
    for line in run.stdout.decode("utf-8", "replace").split("\n"):
        cells = line.split(SEP)
        if len(cells) < 2 or not cells[0].isdigit(): continue
        number, values, fields = int(cells[0]), cells[1:], {}
        for name, cell in zip(names, values):
            # "<MISSING>" is tshark's word for a value of no bytes, which no byte can own.
            told = [v for v in cell.split(AGG) if v != "<MISSING>"] if cell != "" else []
            if told: fields[name] = [canon(FIELDS[name], v) for v in told]
        rest = values[len(names):]
        if rest and rest[0] and "tcp.stream" in fields:
            complete[fields["tcp.stream"][-1]] = whole.get(fields["tcp.stream"][-1])
        got = plain({a for a, cell in zip(ANALYSIS, rest[1:]) if cell != ""})
        if got: flags[number] = got
        frames[number] = fields
    return frames, flags, complete


def pcaplain_records(binary, path):
    cmd = [binary, "annotate", "--format", "json", "--records", "packet,flow,event", path]
    try: run = subprocess.run(cmd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    except subprocess.TimeoutExpired: return None, None, None, "hang: no end in 60 s"
    err = run.stderr.decode("utf-8", "replace")
    if run.returncode < 0 or run.returncode == 101 or "panicked at" in err: return None, None, None, "crash: " + err.strip()[-300:]
    frames, flags, complete = {}, {}, {}
    for line in run.stdout.decode("utf-8", "replace").split("\n"):
        if not line: continue
        try: rec = json.loads(line)
        except ValueError: return None, None, None, "not JSON: " + line[:200]
        kind = rec.get("record")
        if kind == "packet":
            fields = collections.defaultdict(list)
            fields["frame.len"].append(rec["length"]); fields["frame.cap_len"].append(rec["captured"])
            fields["time"] = rec["time"]  # for RULES; no field
            for layer in rec["layers"]:
                window = 0
                for f in layer.get("fields", []):
                    # tshark gives each record type in a bitmap (RFC 4034 section 4.1.2) the name that the type of a record
                    # has; pcaplain shows the bitmap's own bytes. The same types are taken out of these.
                    if f["name"] == "dns.type_bitmap.window": window = f["value"]
                    if f["name"] == "dns.type_bitmap.bits":
                        fields["dns.resp.type"] += [window * 256 + i * 8 + bit for i, byte in enumerate(bytes.fromhex(f["value"]))
                                                    for bit in range(8) if byte & 0x80 >> bit]
                    if f["name"] in FIELDS and not f["name"].startswith("tcp.analysis."): fields[f["name"]].append(canon(FIELDS[f["name"]], f["value"]))
            frames[rec["number"]] = dict(fields)
        elif kind == "flow" and rec.get("protocol") == "tcp":
            complete[rec["stream"]] = rec.get("completeness")
    labels = subprocess.run([binary, "annotate", "--format", "json", "--records", "packet,event", "--compat", "wireshark", path],
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60)
    for line in labels.stdout.decode("utf-8", "replace").split("\n"):
        if '"tcp.analysis.' not in line: continue
        rec = json.loads(line)
        if rec["record"] == "packet":
            for layer in rec["layers"]:
                for f in layer.get("fields", []):
                    if f["name"].startswith("tcp.analysis."): frames[rec["number"]].setdefault(f["name"], []).append(f["value"])
        elif rec["record"] == "event" and rec["kind"].startswith("tcp.analysis."):
            flags.setdefault(rec["packet"], set()).add(rec["kind"][len("tcp.analysis."):])
    flags = {number: plain(got) for number, got in flags.items()}
    return frames, flags, complete, None if run.returncode == 0 else "exit %d: %s" % (run.returncode, err.strip()[-200:])


EQUAL, ALLOWED, DIFFERENT, MISSING, EXTRA = range(5)


class File:
    """Both accounts of a capture, for rules that have to look at more than one value."""

    def __init__(self, path, want, got):
        self.path, self.want, self.got, self._bodies = path, want, got, None

    def with_bodies(self):
        """What tshark says where it puts HTTP bodies together."""
        if self._bodies is None: self._bodies = tshark_records(self.path, bodies=True)[0]
        return self._bodies

    def ns(self, number):
        seconds, _, rest = self.got[number]["time"].partition(".")
        return int(seconds) * 10**9 + int(rest.ljust(9, "0"))

    def stream(self, number):
        return self.got.get(number, {}).get("tcp.stream")


# Rules: each says which values it is about and when a difference is the one that docs/differences.md tells. It gets the file,
# the frame, the field, tshark's values and pcaplain's (None: has none), and holds for exactly what it says.

def ip_length_zero(file, number, name, a, b):
    """"Lengths and numbers": a total length of 0 is shown as 0; tshark shows the length of what was captured."""
    return name == "ip.len" and a and b and len(a) == len(b) and all(x == y or y == 0 for x, y in zip(a, b))


def authenticated_in_query(file, number, name, a, b):
    """"DNS": the AD bit of a query (RFC 6840 section 5.7), which tshark does not show."""
    return (name == "dns.flags.authenticated" and a is None and b
            and file.got[number].get("dns.flags.response") == [False] * len(b))


def dnskey_reserved(file, number, name, a, b):
    """"DNS": the reserved bits of a DNSKEY lie in two places; tshark adds them up."""
    return name == "dns.dnskey.flags.reserved" and a and b and len(b) == 2 * len(a) and not any(a) and not any(b)


BODY_FIELDS = ("http.chunk_size", "urlencoded-form.", "mime_multipart.")


def http_body(file, number, name, a, b):
    """"HTTP": without putting bodies together tshark reads only those that lie in the frame of their head. Where it puts them
    together, the connection has the same values in the same order, in other frames."""
    if not name.startswith(BODY_FIELDS) or file.stream(number) is None: return False
    def of(records):
        return [v for n in sorted(records) if file.stream(n) == file.stream(number) for v in records[n].get(name, [])]
    return of(file.with_bodies()) == of(file.got)


def http_as_with_bodies(file, number, name, a, b):
    """"HTTP": without putting bodies together tshark reads lines of a body as header fields or as a request. Where it puts them
    together it says of this frame what pcaplain says."""
    if not name.startswith("http.") or file.with_bodies().get(number, {}).get(name) != b: return False
    # That it tells the value in another frame, which completes the body, is no agreement.
    return b is not None or not any(v in fields.get(name, []) for n, fields in file.with_bodies().items()
                                    if file.stream(n) == file.stream(number) for v in a)


def http_target_is_no_uri(file, number, name, a, b):
    """"HTTP": of a request whose full address is not known (no Host), or that has none (CONNECT), tshark gives the target."""
    return name in ("http.request.full_uri", "http.response_for.uri") and b is None and a and not any("://" in v for v in a)


def http_time(file, number, name, a, b):
    """"HTTP": the time of a response counts from the last packet of its request so far; tshark counts from the head's."""
    request = file.got.get(number, {}).get("http.request_in")
    if name != "http.time" or not a or not b or len(a) != 1 or len(b) != 1 or not request or len(request) != 1: return False
    ns = lambda text: int(text.replace(".", ""))
    source = file.got[request[0]].get("tcp.srcport")
    parts = [n for n in range(request[0], number) if file.stream(n) == file.stream(number)
             and file.got[n].get("tcp.srcport") == source and file.got[n].get("tcp.len", [0])[-1] > 0]
    return (file.want[number].get("http.request_in") == request and file.ns(number) - file.ns(request[0]) == ns(a[0])
            and parts and file.ns(number) - file.ns(parts[-1]) == ns(b[0]))


def http_response_number(file, number, name, a, b):
    """"HTTP": the number of a response is that of the request it answers; where that is not known there is none. tshark counts
    responses, interim ones, too."""
    if name != "http.response_number" or not a or len(a) != 1: return False
    codes = [v for n in sorted(file.want) if n <= number and file.stream(n) == file.stream(number)
             for v in file.want[n].get("http.response.code", [])]
    request = file.got[number].get("http.request_in")
    right = b == file.got[request[0]].get("http.request_number") if request else b is None
    return a[0] == len(codes) and right


def http_interim(file, number, name, a, b):
    """"HTTP": a request is answered by any number of interim responses and a final one (RFC 9110 section 15.2), and pcaplain
    names it in each of them; tshark names it in the first only."""
    if name not in ("http.request_in", "http.time", "http.response_for.uri") or a is not None: return False
    request = file.got[number].get("http.request_in")
    return any(file.want[n].get("http.request_in") == request and 100 <= file.want[n].get("http.response.code", [0])[0] < 200
               for n in range(request[0], number) if n in file.want) if request else False


def quic_handshake(file, number, name, a, b):
    """"Tunnels and encryption": the handshake in QUIC's first packets is encrypted; tshark opens them."""
    return name.startswith("tls.") and b is None and 1 in file.want[number].get("quic.header_form", [])


def inside_certificates(file, number, name, a, b):
    """"TLS": names and algorithms within extensions, parameters and OCSP responses are not taken apart: of the same certificates pcaplain has what
    tshark has, in the same order, with some left out."""
    if name not in ("x509if.oid", "x509af.algorithm.id") or not a or not b: return False
    rest = iter(a)
    same = file.want[number].get("x509af.serialNumber") == file.got[number].get("x509af.serialNumber")
    return same and all(any(x == y for y in rest) for x in b)


RULES = [quic_handshake, inside_certificates, ip_length_zero, authenticated_in_query, dnskey_reserved, http_target_is_no_uri, http_time, http_response_number, http_interim,
         http_body, http_as_with_bodies]


def compare(job):
    binary, path, allow = job
    try: want, wflags, wcomp = tshark_records(path)
    except subprocess.TimeoutExpired: return path, None, None, "tshark timed out"
    got, gflags, gcomp, error = pcaplain_records(binary, path)
    if got is None: return path, None, None, error
    tally, diffs, file, base = collections.defaultdict(lambda: [0] * 5), [], File(path, want, got), os.path.basename(path)

    def count(number, name, a, b, equal):
        slot = EQUAL if equal else MISSING if b in (None, False) and a not in (None, False) else EXTRA if a in (None, False) else DIFFERENT
        if slot != EQUAL and (any(rule(file, number, name, a, b) for rule in RULES) or any(covers(x, base, number, name) for x in allow)):
            slot = ALLOWED
        tally[name][slot] += 1
        if slot > ALLOWED: diffs.append((base, number, name, a, b))

    if len(want) != len(got): diffs.append((base, 0, "frames", len(want), len(got)))
    for number in sorted(set(want) | set(got)):
        w, g = want.get(number, {}), got.get(number, {})
        for name in (set(w) | set(g)) - {"time"}:
            count(number, name, w.get(name), g.get(name), w.get(name) == g.get(name))
        a, b = wflags.get(number, set()), (gflags or {}).get(number, set())
        for flag in (a | b) & set(ANALYSIS):
            count(number, "tcp.analysis." + flag, flag in a, flag in b, flag in a and flag in b)
    for stream in set(wcomp) | set(gcomp or {}):
        a, b = wcomp.get(stream), (gcomp or {}).get(stream)
        count("stream %s" % stream, "tcp.completeness", a, b, a == b)
    return path, dict(tally), diffs, error


def covers(entry, base, number, name):
    """Whether an entry of ALLOW.toml is about this value."""
    frames = entry.get("frame", "*")
    return (fnmatch.fnmatch(base, entry["file"]) and fnmatch.fnmatch(name, entry["field"])
            and (frames == "*" or str(number) in map(str, frames if isinstance(frames, list) else [frames])))


def table(rows):
    for name in sorted(rows, key=lambda n: (-sum(rows[n][2:]), n)):
        equal = 100.0 * rows[name][EQUAL] / max(sum(rows[name]), 1)
        print("%-42s %10d %9d %9d %9d %9d  %8.3f %%" % (name, *rows[name], equal))


def main():
    ap = argparse.ArgumentParser(usage=__doc__)
    ap.add_argument("--bin", required=True); ap.add_argument("--jobs", type=int, default=2)
    ap.add_argument("--limit", type=int, default=0); ap.add_argument("--json"); ap.add_argument("--show", type=int, default=20)
    ap.add_argument("--allow"); ap.add_argument("--list"); ap.add_argument("paths", nargs="*")
    opt = ap.parse_args()
    files = []
    for p in opt.paths + (open(opt.list).read().split("\n") if opt.list else []):
        if os.path.isdir(p):
            for root, _, names in os.walk(p):
                files += [os.path.join(root, n) for n in sorted(names) if n.split(".")[-1] in ("pcap", "pcapng", "cap", "trace", "gz")]
        elif p: files.append(p)
    if opt.limit: files = files[:opt.limit]
    allow = tomllib.load(open(opt.allow, "rb"))["allow"] if opt.allow else []
    total, diffs, bad = collections.defaultdict(lambda: [0] * 5), [], []
    with concurrent.futures.ThreadPoolExecutor(opt.jobs) as pool:
        for path, tally, file_diffs, error in pool.map(compare, [(opt.bin, f, allow) for f in files]):
            if error: bad.append((path, error))
            if tally is None: continue
            for name, row in tally.items():
                for i in range(5): total[name][i] += row[i]
            diffs += file_diffs
    families = collections.defaultdict(lambda: [0] * 5)
    for name, row in total.items():
        for i in range(5): families[name.split(".")[0]][i] += row[i]
    print("%-42s %10s %9s %9s %9s %9s" % ("field", "equal", "allowed", "different", "missing", "extra"))
    table(total)
    print("\nby family:"); table(families)
    print("\nfirst differences (file, frame, field, tshark, pcaplain):")
    seen = collections.Counter()
    for d in diffs:
        if seen[d[2]] < 3 and sum(seen.values()) < opt.show:
            seen[d[2]] += 1; print("  ", *[str(x)[:120] for x in d])
    for path, error in bad[:opt.show]: print("  !!", os.path.basename(path), error)
    equal, allowed, different, missing, extra = (sum(r[i] for r in total.values()) for i in range(5))
    all_ = equal + allowed + different + missing + extra
    crashed = [b for b in bad if b[1].startswith(("crash", "hang", "not JSON"))]
    if opt.json:
        fields = {k: [v[EQUAL], v[DIFFERENT], v[MISSING], v[EXTRA]] for k, v in total.items()}
        json.dump({"fields": fields, "allowed": {k: v[ALLOWED] for k, v in total.items()}, "bad": bad,
                   "diffs": [list(map(str, d)) for d in diffs[:5000]]}, open(opt.json, "w"), indent=1)
    print("\n%d captures, %d values: %d equal (%.4f %%), %d allowed with a reason, %d different, %d missing, %d extra; "
          "%d with an error, %d crashed or hung"
          % (len(files), all_, equal, 100.0 * equal / max(all_, 1), allowed, different, missing, extra, len(bad), len(crashed)))
    sys.exit(1 if crashed else 0)


if __name__ == "__main__": main()
