#!/bin/busybox sh
# The first process of a guest. The kernel's command line names the run's directory (run.dir), the unpacked kernel
# (run.kernel) and where kmod lies (run.tools), all in the root file system of the host.
b=/bin/busybox
$b mount -t devtmpfs dev /dev; $b mount -t proc proc /proc; $b mount -t sysfs sys /sys
for module in $($b cat /modules/order); do $b insmod "/modules/$module" || echo "insmod $module failed"; done
for word in $($b cat /proc/cmdline); do
  case $word in
    run.dir=*) run=${word#run.dir=} ;;
    run.kernel=*) kernel=${word#run.kernel=} ;;
    run.tools=*) tools=${word#run.tools=} ;;
  esac
done

new=/newroot
$b mount -t virtiofs root $new || { echo 'the root file system cannot be mounted'; $b poweroff -f; }
$b mount -t proc proc $new/proc; $b mount -t sysfs sys $new/sys; $b mount -t devtmpfs dev $new/dev
$b mkdir -p $new/dev/pts $new/dev/shm
$b mount -t devpts -o ptmxmode=666 pts $new/dev/pts
$b mount -t tmpfs shm $new/dev/shm; $b mount -t tmpfs run $new/run
$b mount -t securityfs security $new/sys/kernel/security
$b mount -t tmpfs cgroup $new/sys/fs/cgroup; $b mkdir $new/sys/fs/cgroup/unified
$b mount -t cgroup2 cgroup $new/sys/fs/cgroup/unified
# bpffs, tracefs and debugfs are mounted by the tests that need them, as on a machine where nobody did.
[ -e $new/dev/fd ] || $b ln -s /proc/self/fd $new/dev/fd
for pair in 0:stdin 1:stdout 2:stderr; do
  [ -e "$new/dev/${pair#*:}" ] || $b ln -s "/proc/self/fd/${pair%:*}" "$new/dev/${pair#*:}"
done
# The guest's modules are those of its own kernel.
libraries=$tools/lib/x86_64-linux-gnu:$tools/usr/lib/x86_64-linux-gnu
$b printf '#!/bin/sh\nLD_LIBRARY_PATH=%s exec %s/sbin/modprobe -d %s "$@"\n' "$libraries" "$tools" "$kernel" > $new/run/modprobe
$b chmod +x $new/run/modprobe
echo /run/modprobe > /proc/sys/kernel/modprobe
# Its configuration is read from /boot.
$b mount --bind "$new$kernel/boot" $new/boot
$b ip link set lo up

for port in /sys/class/virtio-ports/*; do
  name=$($b cat "$port/name")
  eval "port_$name=/dev/${port##*/}"
done
$b cat > $new/run/main <<END
/bin/bash $run/command </dev/null >$port_out 2>$port_err
echo \$? > $port_code
exec $b poweroff -f
END
$b umount /proc /sys
# Not chroot: a process in one may make no user namespace.
exec $b switch_root $new /bin/bash /run/main
