#!/bin/sh
# Process 1 of a node for a real kubelet: namespaces of its own (process ids, mounts, network), so that inside all the
# usual paths hold, while on disk they are below NODE_ROOT. Sockets are found by their files, whichever way leads to them.
#
# NODE_ROOT     the node's state; a short path, as a socket's path has 107 bytes
# NODE_RUNTIME  containerd, runc, CNI plugins and busybox, unpacked
set -eu
PATH=$NODE_RUNTIME/usr/bin:$NODE_RUNTIME/usr/sbin:$NODE_RUNTIME/bin:$PATH

for pair in run:/run lib:/var/lib log:/var/log; do
  mount --bind "$NODE_ROOT/${pair%:*}" "${pair#*:}"
done
# Container images in memory: an overlay cannot stand on every file system, on another overlay for example.
mkdir -p /var/lib/containerd
mount -t tmpfs tmpfs /var/lib/containerd

# Kubelet sets these for the whole machine. It finds them set already, in files of ours.
while read -r key value; do
  file=$NODE_ROOT/sysctl/$(echo "$key" | tr / .)
  echo "$value" >"$file"
  mount --bind "$file" "/proc/sys/$key"
done <<EOF
vm/overcommit_memory 1
vm/panic_on_oom 0
kernel/panic 10
kernel/panic_on_oops 1
kernel/keys/root_maxkeys 1000000
kernel/keys/root_maxbytes 25000000
EOF

# The pods' bridge has the node's address. Nothing leads out: with a default route, each DNS query would wait for nobody.
busybox ip link set lo up
busybox ip link add cni0 type bridge
busybox ip addr add 10.88.0.1/24 dev cni0
busybox ip link set cni0 up

containerd --config "$NODE_ROOT/containerd.toml" >>"$NODE_ROOT/containerd.log" 2>&1 &
# Reaps whatever loses its parent.
while :; do
  sleep 1000 &
  wait $!
done
