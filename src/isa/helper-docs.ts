// What each helper does, in our words; the facts are those of the kernel's `include/uapi/linux/bpf.h` (Linux 6.18).

/** One sentence for each helper, by its name. */
export const HELPER_DOCS: Readonly<Record<string, string>> = {
  // Maps
  bpf_map_lookup_elem: 'Finds the value of a key; NULL where the map has none.',
  bpf_map_update_elem: 'Writes the value of a key; flags say whether the key may, must or must not exist.',
  bpf_map_delete_elem: 'Removes a key and its value.',
  bpf_map_push_elem:
    'Adds a value to a queue, a stack or a bloom filter; BPF_EXIST makes room by dropping the oldest.',
  bpf_map_pop_elem: 'Takes the next value out of a queue or a stack and copies it out.',
  bpf_map_peek_elem:
    'Copies the next value of a queue or a stack, or asks a bloom filter whether it holds a value.',
  bpf_map_lookup_percpu_elem: 'Finds the value that one CPU has of a key in a per-CPU map.',
  bpf_for_each_map_elem: 'Calls a function of the program once for every element of a map.',
  bpf_redirect_map:
    'Sends an XDP frame to what a devmap, cpumap or xskmap has at a key; answers XDP_REDIRECT.',
  bpf_tail_call:
    'Goes on in the program that a slot of a prog array holds and does not come back; falls through if the slot is empty.',
  bpf_kptr_xchg: 'Puts a pointer to a kernel object into a map value and answers the one that was there.',
  bpf_get_local_storage:
    'Points to the storage that a cgroup storage map keeps for the cgroup of the program.',

  // Local storage of kernel objects
  bpf_sk_storage_get: 'Points to the storage of a socket in a map, making it where a flag asks for that.',
  bpf_sk_storage_delete: 'Removes the storage of a socket from a map.',
  bpf_inode_storage_get: 'Points to the storage of an inode in a map, making it where a flag asks for that.',
  bpf_inode_storage_delete: 'Removes the storage of an inode from a map.',
  bpf_task_storage_get: 'Points to the storage of a task in a map, making it where a flag asks for that.',
  bpf_task_storage_delete: 'Removes the storage of a task from a map.',
  bpf_cgrp_storage_get: 'Points to the storage of a cgroup in a map, making it where a flag asks for that.',
  bpf_cgrp_storage_delete: 'Removes the storage of a cgroup from a map.',

  // Memory
  bpf_probe_read:
    'Copies from an address that may be bad, of kernel or user space; older than the two that say which.',
  bpf_probe_read_str: 'As bpf_probe_read, up to and with the first NUL; answers the length.',
  bpf_probe_read_user: 'Copies bytes from user memory; fails where they are not in core.',
  bpf_probe_read_kernel: 'Copies bytes from a kernel address that may be bad.',
  bpf_probe_read_user_str: 'Copies a string from user memory up to and with its NUL; answers the length.',
  bpf_probe_read_kernel_str: 'Copies a string from kernel memory up to and with its NUL; answers the length.',
  bpf_probe_write_user:
    'Overwrites memory of the current user process; meant for debugging, and the kernel log warns of it.',
  bpf_copy_from_user: 'Copies bytes from user memory and waits for pages to come in; for sleepable programs.',
  bpf_copy_from_user_task: 'As bpf_copy_from_user, from the memory of another task.',
  bpf_per_cpu_ptr:
    'Points to what one CPU has of a per-CPU variable of the kernel; NULL for a CPU that does not exist.',
  bpf_this_cpu_ptr: 'Points to what this CPU has of a per-CPU variable of the kernel.',
  bpf_find_vma: 'Calls a function of the program with the memory area of a task that holds an address.',

  // Dynptrs
  bpf_dynptr_from_mem:
    'Makes a dynptr over memory of a map value, whose length may be known at run time only.',
  bpf_dynptr_read: 'Copies bytes out of what a dynptr points to.',
  bpf_dynptr_write: 'Copies bytes into what a dynptr points to.',
  bpf_dynptr_data:
    'Points to a part of fixed length within a dynptr; NULL where it does not fit or may not be written.',

  // Time
  bpf_ktime_get_ns:
    'Nanoseconds since the machine started, without the time that it slept (CLOCK_MONOTONIC).',
  bpf_ktime_get_boot_ns: 'Nanoseconds since the machine started, sleep included (CLOCK_BOOTTIME).',
  bpf_ktime_get_coarse_ns: 'As bpf_ktime_get_ns, as of the last timer tick: cheaper and less exact.',
  bpf_ktime_get_tai_ns:
    'Nanoseconds of international atomic time, which leap seconds do not move (CLOCK_TAI).',
  bpf_jiffies64: 'The number of timer ticks of the kernel.',
  bpf_timer_init: 'Prepares a timer that lies in a map value, and says which clock it goes by.',
  bpf_timer_set_callback: 'Says which function of the program a timer calls.',
  bpf_timer_start:
    'Starts a timer that fires after so many nanoseconds, or at that time with BPF_F_TIMER_ABS.',
  bpf_timer_cancel: 'Stops a timer and waits until its function has ended.',

  // Locks, loops, numbers, strings
  bpf_spin_lock:
    'Takes the lock in a map value; until it is given back the program may call next to nothing.',
  bpf_spin_unlock: 'Gives back the lock that bpf_spin_lock took.',
  bpf_loop: 'Calls a function of the program up to 8 million times, until it answers 1.',
  bpf_get_prandom_u32: 'A pseudo-random number of 32 bits, not for cryptography.',
  bpf_strtol: 'Reads a signed number from the start of a string; answers how many characters it took.',
  bpf_strtoul: 'Reads a number without sign from the start of a string; answers how many characters it took.',
  bpf_strncmp: 'Compares a string of limited length with a constant one.',
  bpf_snprintf: 'Writes text by a constant format into a buffer; the arguments come as an array of u64.',
  bpf_snprintf_btf: 'Writes a kernel object as text by its BTF type into a buffer.',

  // Output and tracing
  bpf_trace_printk: 'Prints a line with up to three values to /sys/kernel/tracing/trace_pipe; for debugging.',
  bpf_trace_vprintk: 'As bpf_trace_printk, with more arguments, which come as an array of u64.',
  bpf_seq_printf: 'Adds text by a format to what an iterator prints; the arguments come as an array of u64.',
  bpf_seq_write: 'Adds bytes to what an iterator prints.',
  bpf_seq_printf_btf: 'Adds a kernel object as text by its BTF type to what an iterator prints.',
  bpf_perf_event_output: 'Sends a record to the perf buffer of a CPU in a perf event array.',
  bpf_skb_output: 'As bpf_perf_event_output in tracing programs, with bytes of a packet behind the record.',
  bpf_xdp_output:
    'As bpf_perf_event_output in tracing programs, with bytes of an XDP frame behind the record.',
  bpf_perf_event_read:
    'Reads a hardware counter of a perf event array; errors look like values, so take the next one.',
  bpf_perf_event_read_value:
    'Reads a hardware counter of a perf event array with the times that it was enabled and ran.',
  bpf_perf_prog_read_value: 'Reads the counter of the perf event that the program is attached to.',
  bpf_ringbuf_output: 'Copies a record into a ring buffer.',
  bpf_ringbuf_reserve:
    'Makes room for a record of constant size in a ring buffer and points to it; NULL when it is full.',
  bpf_ringbuf_submit: 'Hands a record that was reserved to the reader.',
  bpf_ringbuf_discard: 'Throws a record away that was reserved.',
  bpf_ringbuf_query: 'Tells of a ring buffer its size, how much is unread, or where reader and writer are.',
  bpf_ringbuf_reserve_dynptr:
    'As bpf_ringbuf_reserve for a size that is known at run time only; gives a dynptr.',
  bpf_ringbuf_submit_dynptr: 'Hands a record that was reserved as a dynptr to the reader.',
  bpf_ringbuf_discard_dynptr: 'Throws a record away that was reserved as a dynptr.',
  bpf_user_ringbuf_drain:
    'Calls a function of the program for each record that user space put into a user ring buffer.',
  bpf_get_stackid: 'Keeps the stack of kernel or user in a stack trace map and answers its number there.',
  bpf_get_stack: 'Copies the stack of kernel or user into a buffer.',
  bpf_get_task_stack: 'Copies the stack of a task into a buffer.',
  bpf_read_branch_records: 'Copies the branches that the CPU recorded with a perf event.',
  bpf_get_branch_snapshot: 'Copies the branches that the CPU recorded just now.',
  bpf_override_return:
    'Makes the probed kernel function return a value without running it, where it allows that.',
  bpf_get_func_ip: 'The address of the function that a probe or a tracing program is attached to.',
  bpf_get_func_arg: 'Reads an argument of the traced function by its number.',
  bpf_get_func_ret: 'Reads what the traced function returned; in fexit and fmod_ret programs.',
  bpf_get_func_arg_cnt: 'How many arguments the traced function has.',
  bpf_get_attach_cookie: 'The number that whoever attached the program gave with this attachment.',
  bpf_kallsyms_lookup_name: 'The address of a kernel symbol; for syscall programs.',

  // Tasks, users, cgroups
  bpf_get_smp_processor_id: 'The number of the CPU that runs the program.',
  bpf_get_numa_node_id: 'The number of the NUMA node that the CPU belongs to.',
  bpf_get_current_pid_tgid: 'The current thread: process id (tgid) in the upper 32 bits, thread id below.',
  bpf_get_current_uid_gid: 'The current user: group id in the upper 32 bits, user id below.',
  bpf_get_current_comm: 'Copies the name of the current task, NUL at the end.',
  bpf_get_current_task: 'The address of the current task_struct as a number.',
  bpf_get_current_task_btf: 'The current task_struct as a typed pointer, whose fields can be read.',
  bpf_get_ns_current_pid_tgid: 'The process and thread ids of the current task as a PID namespace sees them.',
  bpf_task_pt_regs: 'Points to the user registers that a task saved when it entered the kernel.',
  bpf_send_signal: 'Sends a signal to the current process.',
  bpf_send_signal_thread: 'Sends a signal to the current thread.',
  bpf_current_task_under_cgroup: 'Whether the current task is in a cgroup of a cgroup array, or below it.',
  bpf_get_current_cgroup_id: 'The id of the cgroup of the current task.',
  bpf_get_current_ancestor_cgroup_id: 'The id of the cgroup at a level above that of the current task.',
  bpf_get_cgroup_classid: 'The net_cls class of the task that a packet belongs to.',
  bpf_get_retval: 'What the system call or hook would return as things stand among cgroup programs.',
  bpf_set_retval: 'Sets what the system call or hook returns.',
  bpf_bprm_opts_set: 'Sets options of a program that is about to be executed.',
  bpf_ima_inode_hash: 'Copies the hash that IMA keeps of an inode.',
  bpf_ima_file_hash: 'Makes or looks up the IMA hash of a file and copies it.',
  bpf_d_path: 'Writes the full path of a struct path into a buffer.',

  // System calls from programs
  bpf_sys_bpf: 'Calls bpf(2) from a syscall program.',
  bpf_sys_close: 'Closes a file descriptor from a syscall program.',
  bpf_btf_find_by_name_kind: 'Finds a BTF type by name and kind, in vmlinux and in modules.',

  // Packets: sk_buff
  bpf_skb_store_bytes: 'Writes bytes into a packet, and with flags repairs its checksum or drops its hash.',
  bpf_skb_load_bytes: 'Copies bytes out of a packet.',
  bpf_skb_load_bytes_relative: 'Copies bytes out of a packet, counted from its MAC or its network header.',
  bpf_skb_pull_data: 'Makes so many bytes of a packet lie in one piece, so that they can be read directly.',
  bpf_skb_change_proto:
    'Turns an IPv4 packet into an IPv6 one or back: makes room, the headers are yours to write.',
  bpf_skb_change_type: 'Changes the type of a packet (PACKET_HOST and the like).',
  bpf_skb_change_tail: 'Makes a packet longer or shorter at its end.',
  bpf_skb_change_head: 'Makes room before the start of a packet.',
  bpf_skb_adjust_room: 'Makes or takes away room between the headers of a packet, for encapsulation.',
  bpf_skb_vlan_push: 'Puts a VLAN tag on a packet.',
  bpf_skb_vlan_pop: 'Takes the VLAN tag off a packet.',
  bpf_skb_ecn_set_ce: 'Marks an IP packet as having met congestion, where it is ECN-capable.',
  bpf_skb_set_tstamp: 'Sets the delivery time of a packet.',
  bpf_skb_under_cgroup: 'Whether the socket of a packet is in a cgroup of a cgroup array, or below it.',
  bpf_skb_cgroup_id: 'The id of the cgroup of the socket of a packet.',
  bpf_skb_ancestor_cgroup_id: 'The id of the cgroup at a level above that of the socket of a packet.',
  bpf_skb_cgroup_classid: 'The net_cls class of the socket of a packet.',
  bpf_l3_csum_replace: 'Repairs the checksum of an IP header after a field was changed.',
  bpf_l4_csum_replace: 'Repairs a TCP, UDP or ICMP checksum after a field was changed.',
  bpf_csum_diff: 'The difference of two buffers as a checksum, for the two helpers above or to build one.',
  bpf_csum_update: 'Adds to the checksum that the network card gave for the whole packet.',
  bpf_csum_level: 'Asks or changes up to which encapsulated header the checksum was verified.',
  bpf_get_hash_recalc: 'The hash of the flow of a packet, made where there is none.',
  bpf_set_hash_invalid: 'Drops the hash of a packet, so that it is made anew.',
  bpf_set_hash: 'Sets the hash of a packet.',
  bpf_get_route_realm: 'The realm of the route of a packet.',
  bpf_check_mtu:
    'Whether a packet fits the MTU of an interface, with a change of its length that is to come.',

  // Sending packets elsewhere
  bpf_clone_redirect: 'Sends a copy of a packet to another interface.',
  bpf_redirect:
    'Sends a packet to another interface when the program ends; its answer is what the program returns.',
  bpf_redirect_neigh: 'As bpf_redirect, with the layer 2 addresses filled in from the neighbour table.',
  bpf_redirect_peer: 'Hands a packet to the peer of a veth or netkit device in its network namespace.',
  bpf_fib_lookup:
    'Looks up the route and the neighbour of a packet: addresses and interface to forward it with.',

  // Tunnels and IPsec
  bpf_skb_get_tunnel_key: 'Tells from which tunnel a packet came: remote address, tunnel id, flags.',
  bpf_skb_set_tunnel_key: 'Says into which tunnel a packet goes.',
  bpf_skb_get_tunnel_opt: 'Copies the options of the tunnel that a packet came from.',
  bpf_skb_set_tunnel_opt: 'Sets the options of the tunnel that a packet goes into.',
  bpf_skb_get_xfrm_state: 'Tells of the IPsec state that a packet went through.',

  // XDP
  bpf_xdp_adjust_head:
    'Moves the start of an XDP frame: negative makes room for headers, positive takes them off.',
  bpf_xdp_adjust_tail: 'Moves the end of an XDP frame.',
  bpf_xdp_adjust_meta: 'Moves the start of the metadata before an XDP frame.',
  bpf_xdp_get_buff_len: 'The length of an XDP frame with all its fragments.',
  bpf_xdp_load_bytes: 'Copies bytes out of an XDP frame, across fragments.',
  bpf_xdp_store_bytes: 'Writes bytes into an XDP frame, across fragments.',

  // Lightweight tunnels
  bpf_lwt_push_encap: 'Puts an IP, GRE or Segment Routing header around a packet.',
  bpf_lwt_seg6_store_bytes: 'Writes into the outermost Segment Routing header, where that is allowed.',
  bpf_lwt_seg6_adjust_srh: 'Makes the TLV part of the outermost Segment Routing header longer or shorter.',
  bpf_lwt_seg6_action: 'Does one of the actions of Segment Routing over IPv6 with a packet.',

  // Sockets
  bpf_get_socket_cookie: 'The number of a socket, the same for its lifetime and never used again.',
  bpf_get_socket_uid: 'The user that owns the socket of a packet.',
  bpf_get_netns_cookie: 'The number of the network namespace of a socket, never used again.',
  bpf_setsockopt: 'Sets a socket option, as setsockopt(2) does; some of them.',
  bpf_getsockopt: 'Reads a socket option, as getsockopt(2) does; some of them.',
  bpf_bind: 'Binds the socket to an address before it connects; the port must be 0 or free.',
  bpf_sk_lookup_tcp: 'Finds the TCP socket for a tuple of addresses and ports; it must be released.',
  bpf_sk_lookup_udp: 'Finds the UDP socket for a tuple of addresses and ports; it must be released.',
  bpf_skc_lookup_tcp: 'As bpf_sk_lookup_tcp, but finds request and time-wait sockets too.',
  bpf_sk_release: 'Gives back a socket that was looked up.',
  bpf_sk_assign: 'Chooses the socket that takes a packet.',
  bpf_sk_fullsock: 'The full socket behind a socket pointer, or NULL.',
  bpf_tcp_sock: 'The TCP part of a socket, or NULL.',
  bpf_get_listener_sock: 'The listening socket behind a request socket, or NULL.',
  bpf_sk_cgroup_id: 'The id of the cgroup of a socket.',
  bpf_sk_ancestor_cgroup_id: 'The id of the cgroup at a level above that of a socket.',
  bpf_sk_select_reuseport: 'Chooses a socket of a reuseport group from a map.',
  bpf_sock_from_file: 'The socket behind a file, or NULL.',
  bpf_skc_to_tcp6_sock: 'Takes a socket for a tcp6_sock, NULL where it is none.',
  bpf_skc_to_tcp_sock: 'Takes a socket for a tcp_sock, NULL where it is none.',
  bpf_skc_to_tcp_timewait_sock: 'Takes a socket for a tcp_timewait_sock, NULL where it is none.',
  bpf_skc_to_tcp_request_sock: 'Takes a socket for a tcp_request_sock, NULL where it is none.',
  bpf_skc_to_udp6_sock: 'Takes a socket for a udp6_sock, NULL where it is none.',
  bpf_skc_to_unix_sock: 'Takes a socket for a unix_sock, NULL where it is none.',
  bpf_skc_to_mptcp_sock: 'Takes a socket for an mptcp_sock, NULL where it is none.',

  // Socket maps
  bpf_sk_redirect_map: 'Sends data to the socket at a key of a sockmap; for sk_skb programs.',
  bpf_sk_redirect_hash: 'Sends data to the socket at a key of a sockhash; for sk_skb programs.',
  bpf_msg_redirect_map: 'Sends a message to the socket at a key of a sockmap; for sk_msg programs.',
  bpf_msg_redirect_hash: 'Sends a message to the socket at a key of a sockhash; for sk_msg programs.',
  bpf_sock_map_update: 'Puts the socket of a sock_ops program into a sockmap.',
  bpf_sock_hash_update: 'Puts the socket of a sock_ops program into a sockhash.',
  bpf_msg_apply_bytes: 'Lets the verdict of this run hold for so many bytes.',
  bpf_msg_cork_bytes: 'Runs the program again only when so many bytes have come.',
  bpf_msg_pull_data: 'Makes a range of a message lie in one piece, so that it can be read directly.',
  bpf_msg_push_data: 'Makes room within a message.',
  bpf_msg_pop_data: 'Takes bytes out of a message.',

  // TCP
  bpf_sock_ops_cb_flags_set: 'Chooses about which events of a TCP socket the program is called.',
  bpf_load_hdr_opt: 'Reads an option of the TCP header.',
  bpf_store_hdr_opt: 'Writes an option into the TCP header, into the room that was reserved.',
  bpf_reserve_hdr_opt: 'Reserves room for options in the TCP header that is to be sent.',
  bpf_tcp_send_ack: 'Sends a TCP acknowledgement; for congestion control in BPF.',
  bpf_tcp_check_syncookie: 'Whether an ACK carries a valid SYN cookie of a listening socket.',
  bpf_tcp_gen_syncookie: 'Makes the SYN cookie that a listening socket would answer with.',
  bpf_tcp_raw_gen_syncookie_ipv4: 'Makes a SYN cookie for an IPv4 SYN without any socket.',
  bpf_tcp_raw_gen_syncookie_ipv6: 'Makes a SYN cookie for an IPv6 SYN without any socket.',
  bpf_tcp_raw_check_syncookie_ipv4: 'Whether an IPv4 ACK carries a valid SYN cookie, without any socket.',
  bpf_tcp_raw_check_syncookie_ipv6: 'Whether an IPv6 ACK carries a valid SYN cookie, without any socket.',

  // sysctl
  bpf_sysctl_get_name: 'Copies the name of the sysctl that is read or written.',
  bpf_sysctl_get_current_value: 'Copies the value that the sysctl has.',
  bpf_sysctl_get_new_value: 'Copies the value that is about to be written to the sysctl.',
  bpf_sysctl_set_new_value: 'Replaces the value that is about to be written to the sysctl.',

  // Infrared
  bpf_rc_repeat: 'Reports that an infrared key is held down.',
  bpf_rc_keydown: 'Reports an infrared key by protocol and scancode.',
  bpf_rc_pointer_rel: 'Reports a relative movement of a pointer.',
};
