#!/bin/bash
# Runs a command as root on another Linux kernel, in a throw-away QEMU machine.
#
#   run-in-vm.sh KERNEL COMMAND [ARG...]
#
# KERNEL is a version prefix ("5.10", "6.1", "6.12"), or "newest": the newest match that
# Debian's mirror holds is fetched once and kept in the cache. Or it is a directory with
# an unpacked kernel package on which depmod has run.
#
# The guest sees the host's files read-only below an overlay in RAM, so what COMMAND
# writes is lost. COMMAND keeps its working directory and environment, has no network
# but lo, and no standard input. Kernel modules load by themselves. Its stdout and
# stderr come out on stdout, and its exit status is returned. 125: the machine failed
# (no boot, panic, oops; the end of the kernel's log is on stderr). 124: timed out. 123: no
# mirror has such a kernel. 126: something is missing on this machine.
#
# Settings: VM_TIMEOUT=300 (seconds)  VM_ACCEL=kvm|tcg  VM_MEM=1G  VM_CPUS=2
#           VM_APPEND="more kernel arguments"  VM_CACHE=DIR  VM_MIRROR=URL
# Debian packages: qemu-system-x86 busybox-static cpio kmod xz-utils
set -Eeuo pipefail
trap 'status=$?; case $status in 123 | 126) exit "$status" ;; esac; echo "run-in-vm: failed at line $LINENO" >&2; exit 125' ERR
die() { echo "run-in-vm: $*" >&2; exit 126; }
[ $# -ge 2 ] || die "usage: run-in-vm.sh KERNEL COMMAND [ARG...]"

PATH=$PATH:/usr/sbin:/sbin  # other users than root often lack them
[ "$(uname -m)" = x86_64 ] || die "it knows amd64 kernels only, this machine is $(uname -m)"
for tool in qemu-system-x86_64 busybox cpio depmod modprobe xz flock; do
    [ "$(command -v $tool)" ] ||
        die "no $tool here: apt-get install qemu-system-x86 busybox-static cpio kmod xz-utils"
done

kernel=$1; shift
cache=${VM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/run-in-vm}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# Prints the modules directory (.../lib/modules/RELEASE) below $1.
modules_dir() {
    local dir
    for dir in "$1"/lib/modules/* "$1"/usr/lib/modules/*; do
        if [ -d "$dir/kernel" ]; then echo "$dir"; return; fi
    done
    die "no kernel modules below $1"
}

# Prints the mirror, among those that this machine's apt already uses, whose path ends in $1.
mirror_of() {
    # shellcheck disable=SC2016 # $(SITE) is apt's
    apt-get indextargets --format '$(SITE)' | sed -n "s#/$1/*\$##p" | sort -u | head -n1
}

# Unpacks the newest Debian kernel whose version starts with $1 ("newest": any) into directory $2.
fetch_kernel() {
    local apt=$cache/apt suite area site name deb mods
    mkdir -p "$apt"/{lists,archives}/partial "$tmp"/{debs,kernel}
    for suite in bullseye-security bookworm-security trixie-security trixie-backports experimental; do
        case $suite in *-security) area=debian-security ;; *) area=debian ;; esac
        site=${VM_MIRROR:-$(mirror_of $area)}
        [ -n "$site" ] || site=$(mirror_of debian)
        [ -n "$site" ] || die "no Debian mirror among apt's sources: set VM_MIRROR"
        echo "deb [arch=amd64 target=Packages signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]" \
            "$site/$area $suite main"
    done >"$apt/sources.list"
    local opts=(-qq -o Dir::Etc::SourceList="$apt/sources.list" -o Dir::Etc::SourceParts=/dev/null
        -o Dir::State::Lists="$apt/lists" -o Dir::Cache="$apt" -o APT::Sandbox::User=root
        -o Acquire::Retries=3)
    # A suite may be gone or out of date; apt then leaves it out, and tells. The others serve.
    apt-get "${opts[@]}" update >&2 || echo "run-in-vm: going on without the suites named above" >&2
    # Complete kernels only: since 6.19 the files of linux-image are in linux-binary
    # and linux-modules, and the mirror drops old modules first. And the plain "amd64"
    # flavour only: "cloud" kernels lack the 9p file system.
    name=$(apt-cache "${opts[@]}" dumpavail | awk -v prefix="$1" '
        $1 == "Package:" && $2 ~ /^linux-(image|base|binary|modules)-[0-9.]+(-[0-9]+|\+deb[0-9]+)?-amd64$/ {
            match($2, /[0-9]/); name = substr($2, RSTART); has[$2]
            if (prefix == "newest" ? name ~ /^[0-9]/ : index(name, prefix) == 1 && substr(name, length(prefix) + 1, 1) ~ /[.+-]/)
                names[name] }
        END { for (n in names) if ("linux-binary-" n in has ? "linux-modules-" n in has : "linux-image-" n in has) {
            printf "%s", n
            for (p in has) if (substr(p, length(p) - length(n)) == "-" n) printf " %s", p
            print "" } }' | sort -V | tail -n1)
    [ -n "$name" ] || { echo "run-in-vm: no mirror has a complete kernel $1" >&2; exit 123; }
    echo "run-in-vm: fetching ${name#* }" >&2
    # shellcheck disable=SC2086
    (cd "$tmp/debs" && apt-get "${opts[@]}" download ${name#* } >&2)
    for deb in "$tmp"/debs/*.deb; do    # without what no virtual machine needs
        dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$tmp/kernel" --exclude='*/System.map*' \
            --exclude='*/usr/share/*' --exclude='*/kernel/sound/*' --exclude='*/kernel/drivers/[!nv]*' \
            --exclude='*/kernel/drivers/net/ethernet/*' --exclude='*/kernel/drivers/net/wireless/*'
    done
    mods=$(modules_dir "$tmp/kernel")
    depmod -b "${mods%/lib/modules/*}" "${mods##*/}" 2>/dev/null
    # Moved within the cache, so that an interrupted copy never looks like a kernel.
    mkdir -p "${2%/*}"; rm -rf "$2.part"; mv -T "$tmp/kernel" "$2.part"; mv -T "$2.part" "$2"
}

if [ -d "$kernel" ]; then
    root=$(realpath "$kernel")
else
    root=$cache/kernels/$kernel; mkdir -p "$cache"
    ( flock 9; [ -d "$root" ] || fetch_kernel "$kernel" "$root" ) 9>"$cache/lock"
fi
mods=$(modules_dir "$root"); release=${mods##*/}
image=$root/boot/vmlinuz-$release; [ -e "$image" ] || image=$mods/vmlinuz

# The initial RAM disk: busybox, the modules needed to mount the host's files, the command.
ram=$tmp/ram
mkdir -p "$ram"/{bin,dev,host,rw,root,modules}
cp "$(command -v busybox)" "$ram/bin/busybox"
modprobe -d "${mods%/lib/modules/*}" -S "$release" --show-depends -a virtio_pci 9pnet_virtio 9p overlay |
    awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | while read -r file; do
        name=${file##*/}; name=${name%.xz}
        case $file in *.xz) xz -dc "$file" ;; *) cat "$file" ;; esac >"$ram/modules/$name"
        echo "/modules/$name" >>"$ram/modules/order"
    done
{ export -p; printf 'cd %q || exit 125\nexec' "$PWD"; printf ' %q' "$@"; echo; } >"$ram/command"

cat >"$ram/init" <<END
#!/bin/busybox sh
set -e
/bin/busybox --install -s /bin; export PATH=/bin
mount -t devtmpfs dev /dev
while read -r module; do insmod \$module; done </modules/order
mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=loose,ro host /host
mount -t tmpfs -o mode=755 tmpfs /rw; mkdir /rw/up /rw/work
mount -t overlay -o lowerdir=/host,upperdir=/rw/up,workdir=/rw/work overlay /root
cd /root; mkdir -p proc sys dev run usr/lib/modules/$release
mount -t proc proc proc; mount -t sysfs sys sys; mount -t tmpfs tmpfs run
mount -t devtmpfs dev dev; mkdir -p dev/pts dev/shm
mount -t devpts pts dev/pts; mount -t tmpfs tmpfs dev/shm
mount -o bind "/host$mods" usr/lib/modules/$release
cp /bin/busybox /command /main run/
exec switch_root /root /run/busybox sh /run/main
END
cat >"$ram/main" <<'END'
b=/run/busybox
$b ip link set lo up; $b hostname vm; $b stty -F /dev/ttyS1 115200 raw -echo
{   $b setsid bash /run/command </dev/null
    printf '\nrun-in-vm: exit %d\n' $? >/dev/console
    # If the command left processes that hold its output open, do not wait for long.
    { $b sleep 5; $b poweroff -f; } >/dev/null 2>&1 &
} 2>&1 | $b cat >/dev/ttyS1
$b poweroff -f
END
chmod +x "$ram/init"
(cd "$ram" && find . | cpio -o -H newc --quiet) >"$tmp/initrd"

# /dev/kvm alone does not tell: it can belong to a hypervisor that runs no stock kernel.
accel=tcg
if [ -w /dev/kvm ] && grep -qwE 'vmx|svm' /proc/cpuinfo; then accel=kvm; fi

# "rcu_expedited": each commit waits for a grace period, which takes long in emulation.
# "no_timer_check": a busy host is too late for the kernel's look whether its timer works, and the kernel would panic.
# "loglevel", "softlockup": with less than 5 the log says that a processor hangs, and not where. A machine that does hang
# for a minute does so for ever, and need not wait for VM_TIMEOUT.
# "cat": QEMU makes its stdout non-blocking, which must not reach the caller's.
status=0
timeout --foreground -k 5 "${VM_TIMEOUT:-300}" qemu-system-x86_64 \
    -M q35 -accel "${VM_ACCEL:-$accel}" -cpu max -smp "${VM_CPUS:-2}" -m "${VM_MEM:-1G}" \
    -nodefaults -display none -no-reboot -serial "file:$tmp/console" -serial stdio \
    -virtfs local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap \
    -kernel "$image" -initrd "$tmp/initrd" \
    -append "console=ttyS0 loglevel=5 softlockup_all_cpu_backtrace=1 softlockup_panic=1 watchdog_thresh=30 panic=-1 oops=panic \
sysctl.kernel.panic_on_rcu_stall=1 rcupdate.rcu_cpu_stall_timeout=60 mitigations=off no_timer_check \
rcupdate.rcu_expedited=1 ${VM_APPEND:-}" \
    </dev/null | cat || status=${PIPESTATUS[0]}

exit_status=$(sed -n 's/^run-in-vm: exit \([0-9]*\)\r*$/\1/p' "$tmp/console")
if [ "$status" = 0 ] && [ -n "$exit_status" ]; then exit "$exit_status"; fi
{   echo "run-in-vm: $release did not finish"
    # What hangs first tells why; what follows are its consequences.
    first=$(grep -nm1 -E 'BUG:|LOCKUP|detected.*stall|blocked for more than|Oops|Kernel panic' "$tmp/console" || true)
    first=${first%%:*}
    [ -z "$first" ] || { echo "its first complaint:"; sed -n "$first,$((first + 150))p" "$tmp/console"; }
    echo "end of its log:"; tail -n 40 "$tmp/console"
} >&2
if [ "$status" = 124 ]; then exit 124; fi
exit 125
