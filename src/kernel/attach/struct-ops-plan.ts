import { MapFlag, MapType, ProgType } from '../../isa/kernel-tables.generated.ts';
import type { KernelFacts, MapSpec, ObjectSpec } from '../../object/spec.ts';
import { Errno } from '../../syscall/errno.ts';
import { SyscallError } from '../../syscall/error.ts';
import type { Fd } from '../../syscall/fd.ts';
import { TsbpfError } from '../../util/errors.ts';
import { ModuleFds } from '../load/module-btf.ts';
import type { Program } from '../load/program.ts';
import { BpfMap } from '../maps/map.ts';
import type { AttachTarget } from './attach-target.ts';
import { StructOps } from './struct-ops.ts';
import {
  editStruct,
  editsOf,
  expectStructs,
  programsOf,
  type StructOpsMembers,
  type StructOpsOptions,
} from './struct-ops-edit.ts';
import { type ConvertedStruct, convertStruct, type KernelStruct, kernelStruct } from './struct-ops-layout.ts';

/** BPF_F_VTYPE_BTF_OBJ_FD (Linux, `include/uapi/linux/bpf.h`): the value's type is a module's. */
const VALUE_TYPE_OF_MODULE = 1 << 15;

interface PlannedStruct extends ConvertedStruct {
  readonly kernel: KernelStruct;
}

/** What a program of a struct of functions is loaded for. */
export interface StructOpsTarget {
  readonly attachTarget: AttachTarget;
  /** The member's place in the kernel's struct stands in the attach type's place. */
  readonly expectedAttachType: number;
}

/** The structs of functions of one load, in the kernel's layout. */
export class StructOpsPlan {
  /** The programs to load; undefined where the object's own choice stands. */
  readonly programs: readonly string[] | undefined;
  readonly #structs: ReadonlyMap<string, PlannedStruct>;
  readonly #modules: ModuleFds;

  /**
   * @param wanted as the load's options have it: with programs, the structs that one of them is in
   * @param edits what the load gives of the structs' members
   * @param own called with each descriptor as soon as it is open
   * @throws {TsbpfError} `STRUCT_OPS_UNKNOWN`, `STRUCT_OPS_MEMBER_MISSING`, `STRUCT_OPS_UNUSED`, `STRUCT_OPS_MIXED` …
   */
  constructor(
    spec: ObjectSpec,
    wanted: readonly string[] | undefined,
    facts: KernelFacts,
    own: (fd: Fd) => Fd,
    edits: StructOpsOptions['structOps'] = {},
  ) {
    expectStructs(spec, edits);
    this.#modules = new ModuleFds(own);
    this.#structs = new Map(
      wantedMaps(spec, wanted, edits).map((map) => [map.name, planStruct(spec, map, facts, edits[map.name])]),
    );
    this.programs = this.#programsOf(spec, wanted);
  }

  /** Whether a map is a struct of functions that is not wanted. */
  leavesOut({ name, structOps }: MapSpec): boolean {
    return structOps !== undefined && !this.#structs.has(name);
  }

  /** Creates the map of a struct; the kernel has none of its functions yet. @throws {SyscallError} */
  create(map: MapSpec, btf: Fd | undefined, token?: { readonly fd: Fd }): BpfMap {
    const { kernel } = this.#structs.get(map.name)!;
    // The kernel asks for the object's types, though the value's is its own.
    if (!btf)
      throw new TsbpfError(
        'STRUCT_OPS_NEEDS_BTF',
        `the kernel does not take the types of the object, which '${map.name}' needs`,
      );
    const module = kernel.module === undefined ? undefined : this.#modules.open(kernel.module);
    return withWords(
      () =>
        BpfMap.create({
          name: map.name,
          type: MapType.STRUCT_OPS,
          keySize: 4,
          valueSize: kernel.value.size,
          maxEntries: 1,
          flags: map.flags | (module ? VALUE_TYPE_OF_MODULE : 0),
          btf: { fd: btf, keyTypeId: 0, valueTypeId: 0 },
          kernelValueTypeId: kernel.value.id,
          kernelValueBtfFd: module?.number,
          token,
        }),
      map,
    );
  }

  /** What a program is loaded for; undefined for programs of other types. */
  targetOf(program: string): StructOpsTarget | undefined {
    for (const { kernel, places } of this.#structs.values()) {
      const place = places.find((each) => each.program === program);
      if (!place) continue;
      const fd = kernel.module === undefined ? undefined : this.#modules.open(kernel.module).number;
      return {
        attachTarget: { btfId: kernel.struct.id, fd },
        expectedAttachType: place.memberIndex,
      };
    }
    return undefined;
  }

  /**
   * Puts the loaded programs into the structs. Those that are attached by a link are given to the
   * kernel at once, which checks them then.
   *
   * @throws {SyscallError} EINVAL, EEXIST
   */
  finish(
    spec: ObjectSpec,
    maps: ReadonlyMap<string, { readonly map: BpfMap; readonly created: boolean }>,
    programs: ReadonlyMap<string, Program>,
  ): Map<string, StructOps> {
    const out = new Map<string, StructOps>();
    for (const [name, { kernel, value, places }] of this.#structs) {
      const { map, created } = maps.get(name)!;
      const bytes = value.slice();
      const view = new DataView(bytes.buffer);
      for (const { program, offset } of places)
        view.setBigUint64(offset, BigInt(programs.get(program)!.fd.number), true);
      const own = places.map(({ program }) => programs.get(program)!);
      const link = ((spec.maps.get(name)?.flags ?? 0) & MapFlag.LINK) !== 0;
      const struct = new StructOps({ map, struct: kernel.struct.name, link, programs: own, value: bytes });
      if (link && created) struct.fill();
      out.set(name, struct);
    }
    return out;
  }

  /** Closes the modules' types, once everything is loaded. */
  close(): void {
    this.#modules.close();
  }

  #programsOf(spec: ObjectSpec, wanted: readonly string[] | undefined): readonly string[] | undefined {
    const used = this.#uses();
    const ofStructs = [...spec.functions.values()].filter(
      ({ program }) => program?.progType === ProgType.STRUCT_OPS,
    );
    if (ofStructs.length === 0) return wanted;
    const asked = wanted ?? autoloaded(spec, used);
    const unused = ofStructs.find(({ name }) => asked.includes(name) && !used.has(name));
    if (unused)
      throw new TsbpfError(
        'STRUCT_OPS_UNUSED',
        `program '${unused.name}' stands in for a function of the kernel, but no struct of functions names it`,
        {
          hint: 'in C: SEC(".struct_ops.link") struct tcp_congestion_ops my_ops = { .ssthresh = (void *)f };',
        },
      );
    return [...new Set([...asked, ...used.keys()])];
  }

  /** The programs of the structs, each with what it is loaded for: a program can be loaded for one member only. */
  #uses(): Map<string, string> {
    const uses = new Map<string, string>();
    for (const { kernel, places } of this.#structs.values()) {
      for (const { program, member } of places) {
        const use = `${kernel.struct.name}.${member}`;
        const other = uses.get(program) ?? use;
        if (other !== use)
          throw new TsbpfError(
            'STRUCT_OPS_MIXED',
            `program '${program}' is for ${other} and for ${use}, but a program is loaded for one member`,
            { hint: 'write a program for each, which may call one function' },
          );
        uses.set(program, use);
      }
    }
    return uses;
  }
}

/** What kernels before 6.4 answer to a struct that a link attaches, in words. */
function withWords(create: () => BpfMap, { name, structOps, flags }: MapSpec): BpfMap {
  try {
    return create();
  } catch (error) {
    const refusedLink = error instanceof SyscallError && error.errno === Errno.EINVAL && structOps?.link;
    if (!refusedLink || (flags & MapFlag.LINK) === 0) throw error;
    throw new SyscallError({
      syscall: 'bpf',
      command: 'MAP_CREATE',
      errno: Errno.EINVAL,
      doing: `create map '${name}'`,
      explanation: 'the kernel takes no struct of functions that a link attaches',
      hint: 'links of them came with Linux 6.4; before, SEC(".struct_ops") in place of SEC(".struct_ops.link")',
    });
  }
}

function wantedMaps(
  spec: ObjectSpec,
  wanted: readonly string[] | undefined,
  edits: Readonly<Record<string, StructOpsMembers>>,
): MapSpec[] {
  return [...spec.maps.values()].filter((map) => {
    if (!map.structOps) return false;
    if (wanted === undefined) return map.autocreate !== false;
    return programsOf(spec, map, editsOf(edits[map.name])).some((program) => wanted.includes(program));
  });
}

function planStruct(
  spec: ObjectSpec,
  map: MapSpec,
  facts: KernelFacts,
  members: StructOpsMembers | undefined,
): PlannedStruct {
  const kernel = kernelStruct(facts, map.structOps!);
  const edits = editsOf(members);
  const converted = convertStruct(map, spec.btf!, kernel, edits);
  return { kernel, ...editStruct({ spec, map, kernel, edits }, converted) };
}

/** Programs that the object loads by itself; of structs those that are made, and those that none names. */
function autoloaded(spec: ObjectSpec, used: ReadonlyMap<string, string>): string[] {
  const named = new Set(
    [...spec.maps.values()].flatMap(
      ({ structOps }) => structOps?.programs.map(({ program }) => program) ?? [],
    ),
  );
  return [...spec.functions.values()].flatMap(({ name, program }) => {
    if (!program?.autoload) return [];
    return program.progType === ProgType.STRUCT_OPS && named.has(name) && !used.has(name) ? [] : [name];
  });
}
