#!/bin/bash
# prepare.sh DIR [SERIES…]: fetches Debian's newest cloud kernels of 6.1, 6.12 and 6.18, or of these series, with apt-get,
# unpacks them in DIR (they are not installed), and makes an initramfs for each that takes this machine's root file system for
# its own. What is there is kept.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mkdir -p "$1" && cd "$1" && pwd)
shift
[ $# -gt 0 ] || set -- 6.1 6.12 6.18
cd "$dir"

for tool in apt-get dpkg cpio gzip xz; do
  command -v "$tool" >/dev/null || { echo "prepare.sh: $tool is missing" >&2; exit 2; }
done
[ -x /bin/busybox ] || { echo "prepare.sh: busybox is missing (apt-get install busybox-static)" >&2; exit 2; }

# What this Debian does not have comes from the backports of a later one, from package lists of our own.
apt_options=()
use_backports() {
  mkdir -p "$dir/sources" "$dir/lists/partial"
  cat > "$dir/sources/backports.sources" <<END
Types: deb
URIs: http://deb.debian.org/debian
Suites: trixie-backports
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
END
  apt_options=(-o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$dir/sources" -o Dir::State::Lists="$dir/lists"
    -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o Acquire::Languages=none)
  apt-get -q "${apt_options[@]}" update > /dev/null
}
newest() {
  apt-cache "${apt_options[@]}" pkgnames "linux-image-$1" | grep -E -- "^linux-image-$1[.+].*-cloud-amd64\$" | grep -v unsigned | sort -V | tail -1 || true
}
# apt's sandbox user may not write here, and says so on stderr.
fetch() { (cd "$dir/deb" && apt-get -q "${apt_options[@]}" download "$@" 2>&1 | grep -v 'unsandboxed' || true); }

mkdir -p deb
for series; do
  compgen -G "linux-image-$series[.+]*" > /dev/null && continue
  apt_options=()
  package=$(newest "$series")
  [ -n "$package" ] || { use_backports && package=$(newest "$series"); }
  [ -n "$package" ] || { echo "prepare.sh: no cloud kernel $series in the package lists (apt-get update?)" >&2; exit 1; }
  fetch "$package"
  dpkg -x deb/"$package"_*.deb "$package"
  # Later Debians have it in /usr alone.
  [ -e "$package/lib" ] || ln -s usr/lib "$package/lib"
done
apt_options=()
if [ ! -x kmod/bin/kmod ]; then
  fetch kmod libkmod2
  for deb in deb/kmod_*.deb deb/libkmod2_*.deb; do dpkg -x "$deb" kmod; done
fi
kmod() {
  (exec env LD_LIBRARY_PATH="$dir/kmod/lib/x86_64-linux-gnu:$dir/kmod/usr/lib/x86_64-linux-gnu" "$dir/kmod/sbin/$1" "${@:2}")
}
mkdir -p kmod/sbin
for name in depmod modprobe; do ln -sf ../bin/kmod "kmod/sbin/$name"; done

for kernel in "$dir"/linux-image-*/; do
  kernel=${kernel%/}
  [ "$kernel/initramfs.gz" -nt "$here/init.sh" ] && continue
  version=$(ls "$kernel/lib/modules")
  find "$kernel/lib/modules" -name '*.ko.xz' -exec xz -d {} +
  kmod depmod -b "$kernel" "$version"
  root=$kernel/initramfs
  rm -rf "$root"
  mkdir -p "$root"/{bin,dev,proc,sys,newroot,modules}
  cp /bin/busybox "$root/bin/"
  # What it takes to see the root file system, where it is not built in.
  for module in virtio_pci virtio_console virtiofs; do
    kmod modprobe -d "$kernel" -S "$version" --show-depends "$module" | awk '$1 == "insmod" { print $2 }'
  done | awk '!seen[$0]++' > "$kernel/early-modules"
  while read -r file; do cp "$file" "$root/modules/"; done < "$kernel/early-modules"
  awk -F/ '{ print $NF }' "$kernel/early-modules" > "$root/modules/order"
  cp "$here/init.sh" "$root/init"
  chmod +x "$root/init"
  (cd "$root" && find . | cpio --quiet -o -H newc | gzip -9) > "$kernel/initramfs.gz"
  echo "prepared $version"
done
