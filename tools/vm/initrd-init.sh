#!/bin/sh
# First process of the emulated machine: gets at the root disk.
export PATH=/bin
busybox mount -t devtmpfs dev /dev
while read -r module; do busybox insmod "/modules/$module"; done </modules/order
busybox mount -t ext4 -o noatime,noinit_itable /dev/vda /newroot
busybox mount --move /dev /newroot/dev
exec busybox switch_root /newroot /usr/sbin/init
