import { BtfBuilder } from '../../btf/index.ts';
import { MapFlag, MapType } from '../../isa/kernel-tables.generated.ts';
import { tryBtfLoad } from '../../syscall/bpf-prog.ts';
import { Errno } from '../../syscall/errno.ts';
import { requiredCapabilities } from '../../syscall/explain.ts';
import { Fd } from '../../syscall/fd.ts';
import { type FeatureAnswer, no, refusal, unknown, yes } from './features-answer.ts';
import { closed, openMap } from './features-probe.ts';

export type MapTypeName = Exclude<keyof typeof MapType, 'UNSPEC'>;

/** The members of BPF_MAP_CREATE that a type wants otherwise than 4, 4, 1 and no flags. */
interface Shape {
  readonly key?: number;
  readonly value?: number;
  readonly entries?: number;
  readonly flags?: number;
  /** Maps of maps: an inner one. */
  readonly inner?: true;
  /** Storages: types of key and value. */
  readonly typed?: true;
}

/** Rings are sized in pages, which have at most 64 KiB. */
const RING: Shape = { key: 0, value: 0, entries: 65_536 };
const KEYLESS: Shape = { key: 0 };
const STORAGE: Shape = { entries: 0, flags: MapFlag.NO_PREALLOC, typed: true };
/** `struct bpf_cgroup_storage_key`, and an entry for each attachment. */
const CGROUP_STORAGE: Shape = { key: 16, value: 8, entries: 0 };

const SHAPES: Readonly<Partial<Record<MapTypeName, Shape>>> = {
  STACK_TRACE: { value: 8 },
  LPM_TRIE: { key: 8, flags: MapFlag.NO_PREALLOC },
  ARRAY_OF_MAPS: { inner: true },
  HASH_OF_MAPS: { inner: true },
  CGROUP_STORAGE,
  PERCPU_CGROUP_STORAGE: CGROUP_STORAGE,
  QUEUE: KEYLESS,
  STACK: KEYLESS,
  BLOOM_FILTER: KEYLESS,
  RINGBUF: RING,
  USER_RINGBUF: RING,
  ARENA: { key: 0, value: 0, flags: MapFlag.MMAPABLE },
  SK_STORAGE: STORAGE,
  INODE_STORAGE: STORAGE,
  TASK_STORAGE: STORAGE,
  CGRP_STORAGE: STORAGE,
};

/** Asks by creating one. Its name has been found in the kernel's types, if there are any. */
export function probeMapType(name: MapTypeName): FeatureAnswer {
  const type = MapType[name];
  const shape = SHAPES[name] ?? {};
  const held: Fd[] = [];
  try {
    const members = {
      map_type: type,
      key_size: shape.key ?? 4,
      value_size: shape.value ?? 4,
      max_entries: shape.entries ?? 1,
      map_flags: shape.flags ?? 0,
      // Not a type that a struct of functions has; the kernel says so.
      ...(name === 'STRUCT_OPS' && { btf_vmlinux_value_type_id: 1 }),
    };
    const extra = prepare(shape, held);
    if (typeof extra === 'number') return refusal(extra);
    const result = closed(openMap({ ...members, ...extra }));
    if (result >= 0) return yes('one can be created');
    if (name === 'STRUCT_OPS' && result === -Errno.ENOTSUPP) return yes('Linux asks which struct');
    if (result === -Errno.EINVAL || result === -Errno.EOPNOTSUPP || result === -Errno.ENOTSUPP)
      return no(`the kernel creates none (${result === -Errno.EINVAL ? 'EINVAL' : 'ENOTSUPP'})`, -result);
    // Members that an old kernel does not have.
    if (result === -Errno.E2BIG && shape.typed)
      return no('the kernel knows no such map (E2BIG)', Errno.E2BIG);
    return refusal(-result, requiredCapabilities('MAP_CREATE', { mapType: type }));
  } finally {
    for (const fd of held) fd.close();
  }
}

/** What must be there before, in further members; an errno where that was refused. */
function prepare(shape: Shape, held: Fd[]): Record<string, number> | number {
  if (shape.inner) {
    const inner = openMap({ map_type: MapType.ARRAY, key_size: 4, value_size: 4, max_entries: 1 });
    if (typeof inner === 'number') return -inner;
    held.push(inner);
    return { inner_map_fd: inner.number };
  }
  if (shape.typed) {
    const btf = new BtfBuilder();
    const id = btf.int('int', 4, { signed: true });
    const result = tryBtfLoad(btf.build('little'));
    if (result < 0) return -result;
    const fd = new Fd(result, 'the types of a map');
    held.push(fd);
    return { btf_fd: fd.number, btf_key_type_id: id, btf_value_type_id: id };
  }
  return {};
}

/** As {@link probeMapType}, for a name that the kernel's types have or might have. */
export function answerMapType(name: MapTypeName, named: boolean | undefined): FeatureAnswer {
  if (named === false) return no('the types of this kernel do not name it');
  const answer = probeMapType(name);
  // Named and refused: what it is made of here may be at fault, unless the kernel could be built without.
  return answer.state === 'no' && named && ALWAYS_BUILT.includes(name)
    ? unknown(`${answer.why}, although its types name it`, answer.errno)
    : answer;
}

/** Types that no kernel with bpf(2) is built without (Linux, `include/linux/bpf_types.h`). */
const ALWAYS_BUILT: readonly MapTypeName[] = ['ARRAY', 'HASH', 'PERCPU_ARRAY', 'PERCPU_HASH', 'PROG_ARRAY'];
