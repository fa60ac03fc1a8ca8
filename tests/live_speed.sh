#!/usr/bin/env bash
# How fast live capture is, on a veth between two network namespaces: sent, received, dropped, written, explained, left out.
#
#     tests/live_speed.sh BINARY CAPTURE [write|explain|json|both|tcpdump|dumpcap] [PPS] [LOOPS]
#
# CAPTURE is sent LOOPS times with tcpreplay at PPS packets a second (0: as fast as it can). Needs root, ip, nft, tcpreplay. The sender runs
# on the same machine: run it several times, and look at the load.
set -euo pipefail
bin=$(realpath "$1") capture=$(realpath "$2") what=${3:-write} pps=${4:-0} loops=${5:-1}
folder=$(mktemp -d) a=plspA$$ b=plspB$$
cleanup() { ip netns del $a 2>/dev/null || true; ip netns del $b 2>/dev/null || true; rm -rf "$folder"; }
trap cleanup EXIT
ip netns add $a; ip netns add $b
for n in $a $b; do ip netns exec $n sysctl -qw net.ipv6.conf.all.disable_ipv6=1; done
ip link add sa netns $a type veth peer name sb netns $b
ip -n $a link set sa up; ip -n $b link set sb up
# Behind the tap nobody needs the packets.
ip netns exec $b nft 'add table netdev d; add chain netdev d i { type filter hook ingress device sb priority 0; policy drop; }'
out=$folder/out.pcapng text=/dev/null
case $what in
    write) command=("$bin" live -i sb -q -w "$out") ;;
    both) command=("$bin" live -i sb -w "$out") text=$folder/text ;;
    explain) command=("$bin" live -i sb) text=$folder/text ;;
    json) command=("$bin" live -i sb --format json --records event,state,flow) text=$folder/text ;;
    tcpdump) command=(tcpdump -n -i sb -w "$out") ;;
    dumpcap) command=(dumpcap -q -i sb -w "$out") ;;
esac
ip netns exec $b "${command[@]}" >"$text" 2>"$folder/err" &
sleep 1.5
rate=(--topspeed); [[ $pps != 0 ]] && rate=(--pps="$pps")
sent=$(ip netns exec $a tcpreplay -q -K "${rate[@]}" -l "$loops" -i sa "$capture" 2>&1 | tr '\n' ' ')
sleep 0.3
pid=$(ip netns pids $b | head -1)
cpu=$(awk '{print ($14 + $15) / 100}' "/proc/$pid/stat"); memory=$(awk '/VmHWM/{print int($2 / 1024)}' "/proc/$pid/status")
kill -INT "$pid"; wait
printf '== %s pps=%s loops=%s load=%s\n' "$what" "$pps" "$loops" "$(cut -d' ' -f1-3 /proc/loadavg)"
grep -oE 'Actual: [0-9]+ packets|[0-9.]+ pps|Successful packets: *[0-9]+' <<<"$sent" | tr '\n' ';'
printf ' %s s CPU, %s MiB\n' "$cpu" "$memory"
grep -vE 'capturing on|listening|Capturing|File:' "$folder/err" || true
[[ -f $out ]] && capinfos -c -M "$out" 2>/dev/null | awk '/Number of packets /{print "in the file: " $NF}' | head -1
[[ $text != /dev/null ]] && printf "lines: %s\n" "$(wc -l <"$text")" && cp "$text" "${KEEP:-/dev/null}"
exit 0
