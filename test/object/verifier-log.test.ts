import { describe, expect, test } from 'vitest';
import { VerifierError } from '../../src/kernel/load/verifier-error.ts';
import { HINT_KINDS, hintKind, hintOf } from '../../src/object/verifier-hints.ts';
import { excerptLog, isQuietLog, LOG_CUT, logStats } from '../../src/object/verifier-log.ts';
import { fc, test as property } from '../support/property.ts';

/** Linux 6.18, log level 2 | 4: a call of a function, with the table of live registers and what precision was asked for. */
const DETAILED = `func#0 @0
func#1 @8
Live regs before insn:
      0: .12345...9 (b7) r0 = 0
     10: ..2....... (71) r0 = *(u8 *)(r2 -8)
0: R1=ctx() R10=fp0
0: (b7) r0 = 0                        ; R0=0
1: (61) r6 = *(u32 *)(r1 +16)         ; R1=ctx() R6=scalar(smin=0,smax=umax=0xffffffff,var_off=(0x0; 0xffffffff))
2: (15) if r6 == 0x7 goto pc+3        ; R6=scalar(smin=0,smax=umax=0xffffffff,var_off=(0x0; 0xffffffff))
3: (bf) r1 = r6                       ; R1=scalar(id=1) R6=scalar(id=1)
4: (85) call pc+3
caller:
 R6=scalar(id=1) R10=fp0
callee:
 frame1: R1=scalar(id=1) R10=fp0
8: frame1: R1=scalar(id=1) R10=fp0
8: (bf) r2 = r10                      ; frame1: R2=fp0 R10=fp0
9: (0f) r2 += r1
mark_precise: frame1: last_idx 9 first_idx 0 subseq_idx -1
mark_precise: frame1: regs=r1 stack= before 8: (bf) r2 = r10
10: frame1: R1=scalar(id=1) R2=fp(smin=0,smax=umax=0xffffffff,var_off=(0x0; 0xffffffff)) fp-8=mmmm????
10: (71) r0 = *(u8 *)(r2 -8)
invalid unbounded variable-offset read from stack R2
verification time 89 usec
stack depth 0+16
processed 8 insns (limit 1000000) max_states_per_insn 1 total_states 2 peak_states 3 mark_read 0
`;

/** Level 4 alone: the reason and numbers. */
const STATISTICS = `invalid unbounded variable-offset read from stack R2
verification time 31 usec
stack depth 0+0
processed 8 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`;

/** Linux 5.10: states stand before each instruction, and say more. */
const OLD = `0: (bf) r6 = r1
1: R1=ctx(id=0,off=0,imm=0) R6_w=ctx(id=0,off=0,imm=0) R10=fp0
1: (61) r2 = *(u32 *)(r1 +76)
2: R1=ctx(id=0,off=0,imm=0) R2_w=pkt(id=0,off=0,r=0,imm=0) R6_w=ctx(id=0,off=0,imm=0) R10=fp0
2: (71) r0 = *(u8 *)(r2 +0)
invalid access to packet, off=0 size=1, R2(id=0,off=0,r=0)
R2 offset is outside of the packet
processed 3 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`;

const BRANCHES = `0: R1=ctx() R10=fp0
; if (x) @ prog.c:3
0: (15) if r1 == 0x0 goto pc+2        ; R1=ctx()
1: (85) call bpf_ktime_get_ns#5       ; R0=scalar()
2: (b7) r7 = 4                        ; R7=4 refs=2

from 0 to 3: R0=1 R1=0 R10=fp0
; return *p; @ dir with @ sign/prog.c:14
3: (79) r0 = *(u64 *)(r1 +0)
R1 invalid mem access 'scalar'
processed 5 insns (limit 1000000)
`;

/** As it is announced: no kernel prints it yet. */
const ANNOUNCED = `0: R1=ctx() R10=fp0
0: (85) call bpf_map_lookup_elem#1    ; R0=map_value_or_null(id=1,map=m,ks=4,vs=8)
1: (79) r1 = *(u64 *)(r0 +0)

Verification failed: memory access: possibly NULL pointer is dereferenced
Reason: R0 is map_value_or_null,
        it was not compared with NULL
At: 1: (79) r1 = *(u64 *)(r0 +0)
    prog.c:14: value = *found;
Causal path:
  0: R0 becomes map_value_or_null in bpf_map_lookup_elem()
  1: R0 is read
Suggestion: check the result of bpf_map_lookup_elem() for NULL
processed 2 insns (limit 1000000)
`;

const ALL = [DETAILED, STATISTICS, OLD, BRANCHES, ANNOUNCED];

describe('a log', () => {
  test('of level 2 has the states of the frame at hand, and no chatter among its messages', () => {
    const { insn, slot, states, messages } = excerptLog(DETAILED);
    expect({ insn, slot, messages }).toEqual({
      insn: '(71) r0 = *(u8 *)(r2 -8)',
      slot: 10,
      messages: ['invalid unbounded variable-offset read from stack R2'],
    });
    expect([...states]).toEqual([
      ['R1', 'scalar(id=1)'],
      ['R10', 'fp0'],
      ['R2', 'fp(smin=0,smax=umax=0xffffffff,var_off=(0x0; 0xffffffff))'],
      ['fp-8', 'mmmm????'],
    ]);
  });

  test('of level 4 has a reason and numbers', () => {
    expect(excerptLog(STATISTICS)).toMatchObject({
      insn: undefined,
      messages: ['invalid unbounded variable-offset read from stack R2'],
    });
    expect(logStats(DETAILED)).toEqual({
      processed: 8,
      limit: 1000000,
      maxStatesPerInsn: 1,
      totalStates: 2,
      peakStates: 3,
      timeUs: 89,
      stackDepths: [0, 16],
    });
    expect(logStats(BRANCHES)).toMatchObject({ processed: 5, peakStates: undefined, stackDepths: [] });
    expect(logStats('')).toBeUndefined();
  });

  test('of older kernels has the states that stand before an instruction', () => {
    const { states, slot } = excerptLog(OLD);
    expect(slot).toBe(2);
    expect(states.get('R2')).toBe('pkt(id=0,off=0,r=0,imm=0)');
  });

  test('forgets the states of another path, and those that a call takes away', () => {
    const { states, place, source } = excerptLog(BRANCHES);
    expect([...states.keys()]).toEqual(['R0', 'R1', 'R10']);
    expect([source, place]).toEqual([
      'return *p; @ dir with @ sign/prog.c:14',
      { file: 'sign/prog.c', line: 14 },
    ]);
    const called = BRANCHES.replace(/from 0 to 3.*\n/, '');
    expect([...excerptLog(called).states]).toEqual([
      ['R10', 'fp0'],
      ['R0', 'scalar()'],
      ['R7', '4'],
    ]);
  });

  test('without the line break behind its last message is cut there', () => {
    const log =
      '0: (85) call bpf_tail_call#12\nexpected prog array map for tail callprocessed 3 insns (limit 1000000) max\n';
    expect(excerptLog(log).messages).toEqual(['expected prog array map for tail call']);
  });

  test('that says nothing of a refusal is told from one that does', () => {
    expect(['', '\n', 'processed 4 insns (limit 1000000) max\n', STATISTICS].map(isQuietLog)).toEqual([
      true,
      true,
      true,
      false,
    ]);
  });
});

describe('a report in the announced format', () => {
  const shown = (log: string): string => {
    const { message, hint } = new VerifierError('p', 13, log, false);
    return `${message}\n  hint: ${hint}`;
  };

  test('is read by its parts, and its suggestion goes before our own hint', () => {
    expect(excerptLog(ANNOUNCED).failures).toEqual([
      {
        category: 'memory access',
        title: 'possibly NULL pointer is dereferenced',
        reason: ['R0 is map_value_or_null,', 'it was not compared with NULL'],
        at: ['1: (79) r1 = *(u64 *)(r0 +0)', 'prog.c:14: value = *found;'],
        causalPath: ['0: R0 becomes map_value_or_null in bpf_map_lookup_elem()', '1: R0 is read'],
        suggestion: ['check the result of bpf_map_lookup_elem() for NULL'],
      },
    ]);
    expect(shown(ANNOUNCED)).toMatchInlineSnapshot(`
      "the verifier rejected program 'p': possibly NULL pointer is dereferenced: R0 is map_value_or_null, it was not compared with NULL (EACCES)
        source: prog.c:14: value = *found;
        at slot 1: (79) r1 = *(u64 *)(r0 +0)
        state: R0=map_value_or_null(id=1,map=m,ks=4,vs=8)
        path: 0: R0 becomes map_value_or_null in bpf_map_lookup_elem()
        path: 1: R0 is read
        hint: check the result of bpf_map_lookup_elem() for NULL"
    `);
  });

  test('may be all that there is', () => {
    expect(shown(ANNOUNCED.slice(ANNOUNCED.indexOf('Verification')))).toMatchInlineSnapshot(`
      "the verifier rejected program 'p': possibly NULL pointer is dereferenced: R0 is map_value_or_null, it was not compared with NULL (EACCES)
        source: prog.c:14: value = *found;
        at slot 1: (79) r1 = *(u64 *)(r0 +0)
        path: 0: R0 becomes map_value_or_null in bpf_map_lookup_elem()
        path: 1: R0 is read
        hint: check the result of bpf_map_lookup_elem() for NULL"
    `);
  });

  test('may lack parts, have other letters and marks, and come several times', () => {
    const log =
      '| VERIFICATION FAILED: no category\n| reason : R0 !read_ok\nnoise\n* verification failed:\nVerification failed: a: b: c\nAt:\n';
    expect(excerptLog(log).failures).toMatchObject([
      { category: '', title: 'no category', reason: ['R0 !read_ok', 'noise'], suggestion: [] },
      { category: '', title: '', reason: [] },
      { category: 'a', title: 'b: c', at: [] },
    ]);
    expect(shown(log)).toMatchInlineSnapshot(`
      "the verifier rejected program 'p': no category: R0 !read_ok noise (EACCES)
        hint: set it on every path that leads here"
    `);
  });
});

describe('a log that is cut, changed or hostile', () => {
  const check = (log: string): void => {
    const error = new VerifierError('p', 22, log, true, { progType: 6, lines: [] });
    expect(error.log).toBe(log);
    expect(JSON.parse(JSON.stringify(error))).toMatchObject({ log, code: 'VERIFIER_REJECTED' });
    const { insn, states, messages } = error.excerpt;
    if (insn !== undefined) expect(log).toContain(insn);
    for (const message of messages) expect(log).toContain(message);
    for (const [name, state] of states) {
      expect(name).toMatch(/^(?:R\d+|fp-\d+)$/);
      expect(log).toContain(state);
    }
  };
  const log = fc.constantFrom(...ALL);

  property.prop([log, fc.nat({ max: 2000 }), fc.nat({ max: 2000 })])('cut', (text, from, to) => {
    check(text.slice(from % text.length, to % text.length));
  });

  property.prop([log, fc.array(fc.tuple(fc.nat(), fc.string({ maxLength: 4 })), { maxLength: 20 })])(
    'changed',
    (text, changes) => {
      let changed = text;
      for (const [at, by] of changes) {
        const place = at % text.length;
        changed = changed.slice(0, place) + by + changed.slice(place + 1);
      }
      check(changed);
    },
  );

  property.prop([fc.array(fc.constantFrom(...ALL.flatMap((text) => text.split('\n'))), { maxLength: 60 })])(
    'with its lines in any order',
    (lines) => check(lines.join('\n')),
  );

  test.each([
    '1',
    ' ',
    '@ ',
    'R0=',
    '; R0= refs=',
    '10: ',
    'processed 1 insns (limit ',
    'Verification failed: ',
    ': ',
    'R1 min value is negative, off=1 size=',
    '+1',
  ])('of nothing but %j', (piece) => {
    for (const before of [
      '',
      '0: (95) ',
      '; ',
      'from 1 to 2: ',
      'At program exit the register R0 ',
      'stack depth ',
    ])
      check(before + piece.repeat(100_000));
  });
});

/** What kernels say, by the row of hints that is to know it. */
const SAID: Readonly<Record<string, readonly string[]>> = {
  null: [
    "R0 invalid mem access 'map_value_or_null'",
    'Possibly NULL pointer passed to trusted arg0',
    'R2 type=map_value_or_null expected=fp, pkt',
  ],
  'number-as-pointer': ["R1 invalid mem access 'scalar'", "R1 invalid mem access 'inv'"],
  'map-pointer': ["R1 invalid mem access 'map_ptr'", 'only read from bpf_array is supported'],
  untrusted: ['R1 must be referenced or trusted', "R2 invalid mem access 'untrusted_ptr_task_struct'"],
  uninitialised: ['R0 !read_ok', 'R3 !read_ok', 'R7 !read_ok'],
  loop: ['infinite loop detected at insn 4', 'back-edge from insn 3 to 0'],
  branches: ['The sequence of 8193 jumps is too complex.'],
  complexity: ['BPF program is too large. Processed 1000001 insn'],
  gpl: [
    'cannot call GPL-restricted function from non-GPL compatible program',
    'cannot call kernel function from non-GPL compatible program',
  ],
  'never-sleeps': ['Only fentry/fexit/fmod_ret, lsm, iter, uprobe, and struct_ops programs can be sleepable'],
  sleepable: [
    'helper call might sleep in a non-sleepable prog',
    'program must be sleepable to call sleepable kfunc bpf_x',
  ],
  helper: [
    'unknown func bpf_probe_read#4',
    'invalid func unknown#9999',
    'program of this type cannot use helper bpf_skb_load_bytes#26',
    'program of this type cannot use helper bpf_probe_write_user#36',
  ],
  device: ['metadata kfuncs require device-bound program'],
  kfunc: [
    'calling kernel function bpf_task_from_pid is not allowed',
    'kernel btf_id 17 is not a function',
    'JIT does not support calling kernel function',
  ],
  packet: [
    'R2 offset is outside of the packet',
    'invalid access to packet, off=0 size=1, R2(id=0,off=0,r=0)',
  ],
  reference: [
    'Unreleased reference id=2 alloc_insn=4',
    'BPF_EXIT instruction in main prog would lead to reference leak',
    'tail_call would lead to reference leak',
  ],
  'return-value': [
    'At program exit the register R0 has smin=5 smax=5 should have been in [0, 1]',
    'At program exit the register R0 has value (0x5; 0x0) should have been in (0x0; 0x1)',
  ],
  'stack-depth': [
    'combined stack size of 2 calls is 608. Too large',
    'the call stack of 9 frames is too deep !',
  ],
  'stack-unset': [
    'invalid indirect read from stack R2 off -8+4 size 8',
    'invalid read from stack off -8+0 size 8',
  ],
  'stack-bounds': [
    'invalid write to stack R10 off=-520 size=8',
    'invalid unbounded variable-offset write to stack R2',
    'invalid stack type R2 off=-520 access_size=8',
  ],
  'bounds-unknown': [
    'R0 unbounded memory access, make sure to bounds check any such access',
    'R0 min value is negative, either use unsigned index or do a if (index >=0) check.',
    'math between map_value pointer and register with unbounded min value is not allowed',
    'math between pkt pointer and -2147483648 is not allowed',
    'R0 max value is outside of the allowed memory range',
  ],
  'pointer-arithmetic': [
    'R2 pointer arithmetic with *= operator prohibited',
    'R1 pointer arithmetic on map_value_or_null prohibited, null-check it first',
    'R2 pointer += pointer prohibited',
    'R1 tried to subtract pointer from scalar',
  ],
  context: [
    'invalid bpf_context access off=200 size=4',
    'dereference of modified ctx ptr R1 off=8 disallowed',
  ],
  leak: ['R2 leaks addr into map', 'R0 leaks addr as return value'],
  alignment: ['misaligned stack access off 0+0+-9 size 8'],
  'read-only': ['R0 cannot write into rdonly_mem', 'write into map forbidden, value_size=8 off=0 size=8'],
  lock: ['bpf_spin_unlock is missing', 'function calls are not allowed while holding a lock'],
  argument: ['R1 type=scalar expected=map_ptr', 'R2 type=inv expected=fp, pkt, map_value'],
  'map-helper': ['cannot pass map_type 1 into func bpf_map_push_elem#87'],
  'tail-call': ['expected prog array map for tail call', 'tail_call abusing map_ptr'],
  opcode: ['unknown opcode ff', 'BPF_MOV uses reserved fields'],
  unreachable: [
    'unreachable insn 2',
    'last insn is not an exit or jmp',
    'jump out of range from insn 1 to 9',
  ],
  btf: ['missing btf func_info', 'Tracing programs must provide btf_id', 'in-kernel BTF is malformed'],
};

describe('a hint', () => {
  test('of every row has a message that it is known by', () => {
    expect(new Set(Object.keys(SAID))).toEqual(HINT_KINDS);
  });

  test.each(Object.entries(SAID).flatMap(([kind, said]) => said.map((message) => [kind, message])))(
    '%s: %s',
    (kind, message) => expect(hintKind(message!)).toBe(kind),
  );

  test('is said in words', () => {
    const hints = Object.values(SAID).map(([message]) =>
      hintOf({ excerpt: excerptLog(message!), progType: 6 }),
    );
    expect(hints.join('\n')).toMatchInlineSnapshot(`
      "it may be NULL: compare it with 0 right after the call that gives it, and use it only where it is not
      it holds a number: arithmetic of 32 bits, a load from memory or a call made it one; read memory of the kernel with CO-RE or bpf_probe_read_kernel()
      a map is not read through its own pointer: bpf_map_lookup_elem() gives a pointer to a value
      the kernel may free what it points to: acquire it with a kfunc, or read it inside of bpf_rcu_read_lock()
      set it on every path that leads here
      a loop must come to an end that the verifier can see: count to a constant, or use bpf_loop(), bpf_for() or may_goto; before Linux 5.3 loops are unrolled
      of a path at most 8192 branches may wait for their other side: look values up in a map or table in place of comparing one by one, move parts to global functions, or leave with a tail call
      every path is walked, and together at most 1000000 instructions: let a loop run less often, move its body to bpf_loop() or to a global function, or leave with a tail call
      it is for GPL-compatible programs only: .license "GPL", or in C char _license[] SEC("license") = "GPL";
      leave the .s of its section out (BPF_F_SLEEPABLE in flags)
      only programs that may sleep call it: load it from a section with .s, as fentry.s/… or lsm.s/…, outside of locks and bpf_rcu_read_lock()
      bpf_probe_read() is for programs of type kprobe, tracepoint, perf_event, raw_tracepoint, raw_tracepoint_writable, tracing and 2 more
      they ask the driver of one interface: load the program for it (device: 'veth0', or tsbpf xdp attach --bound); programs in prog arrays, devmaps and cpumaps cannot call them
      bpf_task_from_pid() is not for programs of this type: the kernel registers each kfunc for some types, and for some flags of them
      compare the pointer and all that is read behind it with data_end first, on this path: if (data + size > data_end) return
      release on every path what was acquired at slot 4: bpf_sk_release(), bpf_ringbuf_submit() or _discard(), bpf_obj_drop() and the like
      programs of this kind return 0 to 1; a value that was computed is limited with a comparison or &
      a program has 512 bytes of stack with all functions that it calls (256 below a tail call), 8 calls deep: move large things to a per-CPU array
      every byte of it must have been written before: set the whole object to zero first, its padding too
      the stack reaches from R10 - 512 up to R10, and an index into it must have bounds that the verifier sees: limit it with a comparison or &
      limit the index before it is used, as an unsigned number: compare it with the size, or & it with a power of two less one
      to a pointer numbers are added, with 64 bits and to pointers of known kinds only; check it for NULL before
      programs of this type and attach type may not read (or write) this member, or not with this size; where the member is an integer of 4 bytes, read 4 bytes
      a pointer may not get where user space reads it: store a number instead
      its address must be a multiple of its size here: read smaller pieces, or copy it to the stack first
      this memory may only be read; copy it to the stack and change the copy
      between bpf_spin_lock() and bpf_spin_unlock() nothing is called, and every path unlocks
      argument 1 is scalar, but must be map_ptr: pass the pointer itself
      bpf_map_push_elem() is for maps of other types
      the second argument of bpf_tail_call() is a map of type prog_array, one and the same on every path; no reference or lock is held, and callers have little on their stacks
      this kernel has no such instruction, or bits of it that must be zero are not: make it for an older instruction set (clang -mcpu=v3, tsbpf asm --mcpu; tsbpf features isa)
      every instruction must be reached, every path ends with exit or a jump, and jumps stay within their function
      types are missing or do not fit: compile with -g, and see that /sys/kernel/btf/vmlinux is there and has the target"
    `);
  });

  test('tells which types may call a helper, or why this one may not', () => {
    const hint = (message: string, progType = 6): string | undefined =>
      hintOf({ excerpt: excerptLog(message), progType });
    expect([
      hint('program of this type cannot use helper bpf_xdp_adjust_head#44', 1),
      hint('program of this type cannot use helper bpf_xdp_adjust_head#44', 6),
      hint('program of this type cannot use helper bpf_probe_write_user#36', 2),
      hint('unknown func bpf_map_lookup_elm'),
    ]).toMatchInlineSnapshot(`
      [
        "bpf_xdp_adjust_head() is for programs of type xdp",
        "xdp programs may call it in newer kernels, with other attach types, or with CAP_PERFMON",
        "tracing programs may call it, and none while the kernel is locked down",
        "did you mean 'bpf_map_lookup_elem'?",
      ]
    `);
  });
});

describe('a log whose beginning is missing', () => {
  const END = `R3 !read_ok\nprocessed 124 insns (limit 1000000) max_states_per_insn 0\n`;

  test('is read without its first line, which is half of one', () => {
    // 64 KiB that begin within `123: (95) exit`.
    const filler = `${'x'.repeat(100)}\n`;
    const last = `3: (95) exit\n${END}`;
    const rest = filler.repeat(Math.floor((64 * 1024 - last.length) / filler.length));
    const pad = 64 * 1024 - last.length - rest.length;
    const { slot, insn, messages } = excerptLog(`12${last}${'y'.repeat(pad - 1)}\n${rest}`);
    expect({ slot, insn }).toEqual({ slot: undefined, insn: undefined });
    expect(messages).toHaveLength(8);
  });

  test('has nothing from before a gap', () => {
    const log = `0: R1=ctx() R10=fp0\n0: (bf) r6 = r1    ; R6=ctx()\n1: (b7) r\n${LOG_CUT}\n${END}`;
    const { insn, states, messages } = excerptLog(log);
    expect({ insn, states: [...states], messages }).toEqual({
      insn: undefined,
      states: [],
      messages: ['R3 !read_ok'],
    });
    expect(logStats(log)?.processed).toBe(124);
  });

  property.prop([fc.nat(DETAILED.length)])('tells the same reason wherever it is cut', (at) => {
    const { messages } = excerptLog(DETAILED);
    const tail = DETAILED.slice(Math.min(at, DETAILED.indexOf('10: (71)')));
    expect(excerptLog(tail)).toMatchObject({ messages, slot: 10, insn: '(71) r0 = *(u8 *)(r2 -8)' });
  });
});
