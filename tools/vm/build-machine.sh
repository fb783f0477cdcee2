#!/usr/bin/env bash
#
# Builds the emulated machine: build-machine.sh <folder> <node> <debian mirror>
#
# In the folder, which must not exist yet, it leaves
#   tools/      QEMU and mkfs.ext4 with their libraries, run by their own loader (see `tool`); nothing is installed
#   vmlinux     Debian's kernel      initrd.img  loads the two drivers for the root disk
#   root.img    the machine's root disk: busybox, iproute2, ping, runc, the given node, drivers of the network card
#
# It needs apt with Debian's archive keys and dpkg-deb; neither root nor a package of the host's. It ends with status 69
# (EX_UNAVAILABLE) when the mirror does not give what is needed.
set -euo pipefail

folder=$1 node=$2 mirror=$3
here=$(dirname "$(readlink -f "$0")")
suite=trixie # the oldest release whose QEMU emulates an SR-IOV card (igb came with QEMU 8)
triplet=x86_64-linux-gnu
boot_modules='virtio_blk ext4'
modules='igb igbvf vfio-pci vfio_iommu_type1 veth 8021q'

mkdir -p "$folder"
cd "$folder"
scratch=$PWD/scratch
mkdir -p "$scratch"/apt/{lists,archives}/partial
trap 'rm -rf "$scratch"' EXIT

# apt with a state of its own, in which nothing is installed: it resolves dependencies, and any user may run it.
: >"$scratch/apt/status"
echo "deb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$scratch/apt/sources"
apt() {
  apt-get -qq -o Dir::State="$scratch/apt" -o Dir::State::status="$scratch/apt/status" -o Dir::Cache="$scratch/apt" \
    -o Dir::Etc::sourcelist="$scratch/apt/sources" -o Dir::Etc::sourceparts=/dev/null -o Debug::NoLocking=1 \
    -o APT::Sandbox::User= -o APT::Architecture=amd64 -o APT::Architectures=amd64 -o Acquire::Languages=none \
    -o Acquire::Retries=3 "$@" || exit 69
}

unpack() { # folder, packages...: with all they depend on
  local into=$1 package name
  shift
  mkdir -p "$into.debs/partial" "$into"
  # Some packages still have files outside /usr.
  for name in bin sbin lib lib64; do
    mkdir -p "$into/usr/$name"
    ln -s "usr/$name" "$into/$name"
  done
  apt -o Dir::Cache::archives="$into.debs" install -y --no-install-recommends --download-only "$@" >/dev/null
  for package in "$into".debs/*.deb; do dpkg-deb --fsys-tarfile "$package" | tar -x --keep-directory-symlink -C "$into"; done
  rm -rf "$into.debs" "$into"/usr/share/{doc,man,locale,info,perl*}
}

tool() { # path below tools, arguments...
  local path=$1 libraries=$folder/tools/usr/lib/$triplet
  shift
  "$libraries/ld-linux-x86-64.so.2" --library-path "$libraries" --argv0 "${path##*/}" "$folder/tools/usr/$path" "$@"
}

kmod() { # applet, arguments...
  local libraries=$folder/tools/usr/lib/$triplet
  "$libraries/ld-linux-x86-64.so.2" --library-path "$libraries" --argv0 "$1" "$folder/tools/usr/bin/kmod" "${@:2}"
}

module_files() { # tree, modules...: the files, dependencies first
  local tree=$1 module
  for module in "${@:2}"; do
    kmod modprobe -d "$tree" -S "$version" --show-depends "$module" | awk '$1 == "insmod" { print $2 }'
  done | awk '!seen[$0]++'
}

# The ELF image inside Debian's bzImage, which QEMU boots directly: it spares the emulated processor the unpacking.
unpack_kernel() { # bzImage
  local sectors offset length
  sectors=$(od -An -tu1 -j $((0x1f1)) -N 1 "$1")
  read -r offset length < <(od -An -tu4 -j $((0x248)) -N 8 "$1")
  # The last four bytes are not zstd's.
  dd if="$1" iflag=skip_bytes,count_bytes skip=$(((sectors + 1) * 512 + offset)) count=$((length - 4)) bs=1M status=none |
    tool bin/zstd -dc
}

build_root() {
  local root=$scratch/root file name library
  unpack "$root" busybox-static iproute2 iputils-ping libstdc++6 runc util-linux
  mkdir -p "$root"/{proc,sys,dev,run,tmp,src,root,etc}
  echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
  echo '127.0.0.1 localhost' >"$root/etc/hosts"
  for name in $("$root/usr/bin/busybox" --list); do
    [ -e "$root/usr/bin/$name" ] || [ -e "$root/usr/sbin/$name" ] || ln -s busybox "$root/usr/bin/$name"
  done
  install -m 755 "$here/guest-init.sh" "$root/usr/sbin/init"

  install -m 755 "$(readlink -f "$node")" "$root/usr/bin/node"
  # A node of Debian's own has libraries beside the C and C++ ones.
  ldd "$root/usr/bin/node" | awk '$2 == "=>" && $3 ~ /^\// { print $3 }' | while read -r library; do
    [ -e "$root/usr/lib/$triplet/${library##*/}" ] || cp -L "$library" "$root/usr/lib/$triplet/"
  done

  # Unpacked, because the emulated processor is slow at xz.
  module_files "$scratch/kernel" $boot_modules $modules | while read -r file; do
    name=${file#"$scratch/kernel/"}
    mkdir -p "$root/$(dirname "usr/$name")"
    tool bin/xz -dc "$file" >"$root/usr/${name%.xz}"
  done
  cp "$scratch/kernel/lib/modules/$version"/modules.{builtin,builtin.modinfo,order} "$root/usr/lib/modules/$version/"
  kmod depmod -b "$root" "$version"
}

build_initrd() {
  local tree=$scratch/initrd file
  mkdir -p "$tree"/{bin,dev,modules,newroot}
  cp "$scratch/root/usr/bin/busybox" "$tree/bin/"
  install -m 755 "$here/initrd-init.sh" "$tree/init"
  ln -s busybox "$tree/bin/sh"
  module_files "$scratch/root" $boot_modules | while read -r file; do
    cp "$file" "$tree/modules/"
    basename "$file" >>"$tree/modules/order"
  done
  (cd "$tree" && find . | bin/busybox cpio -o -H newc -R 0:0 2>/dev/null) >initrd.img
}

apt update
unpack "$PWD/tools" qemu-system-x86 e2fsprogs kmod xz-utils zstd
unpack "$scratch/kernel" linux-image-amd64
version=$(basename "$scratch"/kernel/usr/lib/modules/*)
kmod depmod -b "$scratch/kernel" "$version"
unpack_kernel "$scratch"/kernel/boot/vmlinuz-* >vmlinux
build_root
build_initrd
tool sbin/mkfs.ext4 -q -F -b 4096 -O ^has_journal -m 0 -E root_owner=0:0 -d "$scratch/root" root.img 512M
