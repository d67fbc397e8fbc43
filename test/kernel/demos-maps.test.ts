import { expect, test } from 'vitest';
import { runExample } from '../support/examples.ts';
import { describeKernel } from '../support/kernel.ts';
import { lacks } from '../support/needs.ts';

describeKernel('the demonstrations of maps', () => {
  test.each(['bpf/forwarding_tables.o', 'bpf/forwarding_tables.s'])(
    '%s: tables of 65,536 rows in a map',
    (file) => {
      const { status, stdout, stderr } = runExample('forwarding-tables', file);
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expect(stdout.replace(/value: .. .. .. ..$/m, 'value: ID')).toMatchInlineSnapshot(`
        "filled table_0 and table_1: 65536 rows each
        key: 00 00 00 00  value: ID
        outer slot 0 shows the id of table_0: true
        to 192.0.2.1 from port 1000: table 0, row 1001, to 10.1.3.233
        to 192.0.2.1 from port 65535: table 0, row 65534, to 10.1.255.254
        to 192.0.2.2 from port 1000: passed on: no table for it
        slot 0 now holds table_1
        to 192.0.2.1 from port 1000: table 0, row 1001, to 10.2.3.233
        a table of another shape: cannot write to map 'glb_tables': its inner maps have value size 8, but the one given has 4 (EINVAL)
        "
      `);
    },
  );

  test.skipIf(lacks('arena'))('every type of map, and what it refuses', () => {
    const { status, stdout, stderr } = runExample('map-tour');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatchInlineSnapshot(`
      "
      hash: any key, one value
        set(7, 1), then get(7)                 1
        get(8)                                 undefined
        delete(8)                              false
        set(7) where it is new                 cannot write to map 'hash': the key exists already, and the flag NOEXIST asks for a new one (EEXIST)
        set(8) where it is old                 cannot write to map 'hash': there is no such key, and the flag EXIST asks for one (ENOENT)
        a fifth key in four                    cannot write to map 'hash': the map is full: it holds at most 4 entries (E2BIG)
        take(7), then get(7)                   [1, undefined]
        set, frozen                            cannot write to map 'hash': user space may not write to this map: it is frozen or was made with BPF_F_RDONLY (EPERM)

      percpu_hash: a value for each CPU, which no other CPU writes
        fill(7, 5), then the sum by CPU        true

      lru_hash: forgets what was used least, where it is full
        100 keys into 4: none refused          4 remain

      lru_percpu_hash: both of these
        100 keys into 4: none refused          4 remain

      lpm_trie: the longest prefix that fits: routes
        get('10.1.2.3')                        16
        get('10.2.3.4')                        8
        get('192.0.2.1')                       undefined
        a prefix of 33 bits                    key of map 'lpm_trie': '10.0.0.0/33' needs the length of the prefix behind its '/', 0 to 32
        without NO_PREALLOC                    cannot create map 'lpm_trie': an lpm_trie needs the flag BPF_F_NO_PREALLOC (EINVAL)
        a key of prefix length alone           cannot create map 'lpm_trie': a key of an lpm_trie is 4 bytes for the length of the prefix and 1 to 256 of data, not 4 (EINVAL)

      array: a value for each index, zero at first
        get(0)                                 0
        delete(0)                              cannot delete from map 'array': entries of an array cannot be deleted; set them to zero instead (EINVAL)
        set(4) in four                         cannot write to map 'array': index 4 is out of range: the map has 4 entries, 0 to 3 (E2BIG)
        set(0) where it is new                 cannot write to map 'array': every index of an array exists already, and the flag NOEXIST asks for a new one (EEXIST)
        written in memory, then get(1)         42

      percpu_array: counters of programs
        the sum by CPU of index 0              0

      prog_array: programs that others jump to
        set(0, program), get(0) is its id      true
        get(1)                                 undefined
        a program of another type              cannot write to map 'prog_array': prog array 'prog_array' holds programs of type xdp, but 'a_filter' is of type socket_filter (EINVAL)
        set(4) in four                         cannot write to map 'prog_array': index 4 is out of range: the map has 4 entries, 0 to 3 (E2BIG)
        with a flag                            cannot write to map 'prog_array': a prog array takes no update flags (EINVAL)

      array_of_maps: tables that are replaced as a whole
        set(1, map), then get(1) is its id     true
        a map of another shape                 cannot write to map 'array_of_maps': its inner maps have value size 4, but the one given has 8 (EINVAL)
        a number that is no descriptor         cannot write to map 'array_of_maps': the value is not an open descriptor of a map (EBADF)

      hash_of_maps: the same by key
        set(1, map), then get(1) is its id     true
        a map of another shape                 cannot write to map 'hash_of_maps': its inner maps have value size 4, but the one given has 8 (EINVAL)
        a number that is no descriptor         cannot write to map 'hash_of_maps': the value is not an open descriptor of a map (EBADF)
        without a pattern of the inner maps    cannot create map 'hash_of_maps': a hash_of_maps needs innerMap: a map of the shape that the inner ones will have (EINVAL)

      queue: first in, first out
        push(1), push(2), then peek()          1
        push(3) in two                         cannot write to map 'queue': the queue is full: it holds at most 2 values (E2BIG)
        push(3) in place of the oldest, pop()  [2, 3, undefined]

      stack: last in, first out
        push(1), push(2), then peek()          2
        push(3) in two                         cannot write to map 'stack': the stack is full: it holds at most 2 values (E2BIG)
        push(3) in place of the oldest, pop()  [3, 2, undefined]

      bloom_filter: a set that may say yes too often
        add(42), then has(42), has(43)         [true, false]
        with 16 hash functions                 cannot create map 'bloom_filter': extra is the number of hash functions of a bloom_filter, 1 to 15, not 16 (EINVAL)

      ringbuf: events of all CPUs, in order
        submitted, then discarded              [0, 0]
        read                                   42
        counted                                1 read, 1 discarded
        of 5000 bytes                          cannot create map 'ringbuf': the size of a ringbuf is a power of two, not 5000 (EINVAL)
        get(0)                                 map 'ring' has no keys

      perf_event_array: events in a ring for each CPU
        written, nobody reads: -ENOENT         -2
        written, somebody reads                0
        read                                   42

      user_ringbuf: records to a program
        write(40), write(2), then the sum      42

      stack_trace: where programs were called from
        a stack was kept                       true
        set(0)                                 cannot write to map 'traces': only the kernel writes stack traces (EINVAL)

      arena: memory shared with programs
        written in memory, read again          7
        get(0)                                 map 'arena' has no keys

      devmap: interfaces that packets leave by
        set(0, lo), then get(0)                true
        an interface that is not there         cannot write to map 'devmap': no interface of this network namespace has that index, or the program was not made for xdp/devmap (EINVAL)

      devmap_hash: the same by key
        set(0, lo), then get(0)                true
        an interface that is not there         cannot write to map 'devmap_hash': no interface of this network namespace has that index, or the program was not made for xdp/devmap (EINVAL)

      cpumap: CPUs that packets are handed to
        a queue of 192, then get(0)            192
        a queue of 20000                       cannot write to map 'cpumap': a queue has at most 16384 packets (EOVERFLOW)

      sockmap: sockets that data is redirected to
        set(0, socket), get(0) is its cookie   true
        a descriptor of something else         undefined
        delete(0), then get(0)                 [true, undefined]

      sockhash: the same by key
        set(0, socket), get(0) is its cookie   true
        a descriptor of something else         undefined
        delete(0), then get(0)                 [true, undefined]

      reuseport_sockarray: sockets that share a port
        a socket that shares none              cannot write to map 'reuseport_sockarray': the value is a descriptor of a bound socket with SO_REUSEPORT (EINVAL)

      xskmap: AF_XDP sockets, which get whole frames
        a socket of another family             cannot write to map 'xskmap': the value is a descriptor of an AF_XDP socket with its rings set up (EOPNOTSUPP)
        get(0)                                 cannot read map 'xskmap': maps of type xskmap cannot be read from user space (EOPNOTSUPP)

      cgroup_array: cgroups, to ask whether a packet belongs to one
        set(0, cgroup)                         done
        a descriptor of something else         cannot write to map 'cgroup_array': the value is a descriptor of a directory of cgroup2 (EBADF)

      sk_storage: at a socket
        set(descriptor, 1), then get           1
        delete, then get                       [true, undefined]
        a number that is no descriptor         cannot write to map 'of_socket': the key is not an open descriptor of what the storage hangs on (EBADF)

      task_storage: at a thread
        set(descriptor, 1), then get           1
        delete, then get                       [true, undefined]
        a number that is no descriptor         cannot write to map 'of_task': the key is not an open descriptor of what the storage hangs on (EBADF)

      inode_storage: at a file
        set(descriptor, 1), then get           1
        delete, then get                       [true, undefined]
        a number that is no descriptor         cannot write to map 'of_inode': the key is not an open descriptor of what the storage hangs on (EBADF)

      cgrp_storage: at a cgroup
        set(descriptor, 1), then get           1
        delete, then get                       [true, undefined]
        a number that is no descriptor         cannot write to map 'of_cgroup': the key is not an open descriptor of what the storage hangs on (EBADF)
        without a type of its values           cannot create map 'sk_storage': a sk_storage needs the BTF types of its key and value (EINVAL)

      cgroup_storage: at a cgroup that a program is attached to (of old)
        get, attached nowhere                  undefined
        set, attached nowhere                  cannot write to map 'cgroup_storage': no program that uses it is attached to that cgroup; the kernel makes the entry when one is (ENOENT)

      percpu_cgroup_storage: the same for each CPU
        keys, attached nowhere                 []

      struct_ops: functions that the kernel calls: attachStructOps() makes it of an object
        without the types of the kernel        cannot create map 'struct_ops': a struct_ops is made with its object: load one that has a struct of functions (EINVAL)

      types that were left out: none
      "
    `);
  });
});
