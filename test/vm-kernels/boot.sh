#!/bin/bash
# boot.sh KERNEL 'command': boots a kernel that prepare.sh has unpacked (its directory, or 6.1 or 6.12) with this machine's
# root file system, runs the command in the caller's directory, prints what it prints, and exits as it does; with 125 where
# the guest gave no answer. Environment: KERNELS (where they are), MEMORY (2G), CPUS (2), TIMEOUT (seconds, 300).
[ $# -eq 2 ] || { echo "usage: boot.sh KERNEL 'command'" >&2; exit 2; }
kernels=${KERNELS:-$HOME/.cache/tsbpf/kernels}
if [ -d "$1" ]; then kernel=$(cd "$1" && pwd); else kernel=$(ls -d "$kernels"/linux-image-"$1"[.+]* 2>/dev/null | sort -V | tail -1); fi
[ -f "$kernel/initramfs.gz" ] || { echo "boot.sh: there is no kernel '$1' in $kernels (run prepare.sh)" >&2; exit 2; }
tools=$(dirname "$kernel")/kmod
memory=${MEMORY:-2G}

run=$(mktemp -d /tmp/tsbpf-vm.XXXXXX)
{
  printf 'cd %q\nexport HOME=%q PATH=%q USER=root TERM=dumb\n' "$PWD" "$HOME" "$PATH"
  printf '%s\n' "$2"
} > "$run/command"
: > "$run/code"
virtiofsd=$(command -v virtiofsd || echo /usr/lib/qemu/virtiofsd)
# sandbox=chroot: a sandbox of its own cannot pivot_root in every container.
"$virtiofsd" -f --socket-path="$run/fs.sock" -o source=/ -o sandbox=chroot -o cache=always -o no_posix_lock > "$run/virtiofsd.log" 2>&1 &
daemon=$!
trap 'kill $daemon 2>/dev/null; wait $daemon 2>/dev/null; rm -rf "$run"' EXIT
for _ in $(seq 200); do [ -S "$run/fs.sock" ] && break; sleep 0.01; done

# Emulated: a machine that is itself a guest seldom offers KVM that a stock kernel can use.
# The guest writes into pipes: QEMU cannot open sockets, which is what a caller may have given.
{ { timeout --foreground -k 5 "${TIMEOUT:-300}" qemu-system-x86_64 \
  -M q35,memory-backend=memory -accel tcg,thread=multi,tb-size=512 -cpu max -smp "${CPUS:-2}" -m "$memory" \
  -object memory-backend-memfd,id=memory,size="$memory",share=on \
  -nodefaults -no-user-config -display none -no-reboot -serial file:"$run/console" \
  -kernel "$kernel"/boot/vmlinuz-* -initrd "$kernel/initramfs.gz" \
  -append "console=ttyS0 quiet loglevel=4 panic=-1 mitigations=off tsc=reliable no_timer_check run.dir=$run run.kernel=$kernel run.tools=$tools" \
  -chardev socket,id=fs,path="$run/fs.sock" -device vhost-user-fs-pci,chardev=fs,tag=root,queue-size=1024 \
  -add-fd fd=3,set=1 -add-fd fd=4,set=2 -device virtio-serial-pci \
  -chardev file,id=out,path=/dev/fdset/1,append=on -device virtserialport,chardev=out,name=out \
  -chardev file,id=err,path=/dev/fdset/2,append=on -device virtserialport,chardev=err,name=err \
  -chardev file,id=code,path="$run/code" -device virtserialport,chardev=code,name=code \
  3>&1 4>&2 < /dev/null
echo $? > "$run/status"; } 2>&1 >&5 | cat >&2; } 5>&1 | cat
status=$(cat "$run/status")
code=$(cat "$run/code")
if [ -z "$code" ]; then
  echo "boot.sh: the guest gave no answer (QEMU ended with $status; 124 is the time limit). Its console:" >&2
  tail -30 "$run/console" >&2
  exit 125
fi
exit "$code"
