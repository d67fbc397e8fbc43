import type { LinkedProgram, Resolver } from '../../object/spec.ts';
import { btfInfo } from '../../syscall/bpf-info.ts';
import { allIds, fdById } from '../../syscall/bpf-object.ts';
import { Fd } from '../../syscall/fd.ts';
import { TsbpfError } from '../../util/errors.ts';

/** `src` of a call of a kernel function, and of an `lddw` of a kernel variable (Linux, `bpf.h`). */
const PSEUDO_KFUNC_CALL = 2;
const PSEUDO_BTF_ID = 3;

/**
 * The types of a kernel module as the kernel itself has them.
 *
 * @throws {SyscallError} EPERM without CAP_SYS_ADMIN @throws {TsbpfError} `MODULE_GONE`
 */
function openModuleBtf(module: string): Fd {
  for (const id of allIds('BTF')) {
    const fd = new Fd(fdById('BTF', id), `the types of module ${module}`);
    const { name, ofKernel } = btfInfo(fd.number);
    if (ofKernel && name === module) return fd;
    fd.close();
  }
  throw new TsbpfError('MODULE_GONE', `the kernel module ${module} is not loaded`, {
    hint: `modprobe ${module}`,
  });
}

/** The types of the modules that one load uses, opened once each and held until everything is loaded. */
export class ModuleFds {
  readonly #fds: Map<string, Fd> = new Map();
  readonly #own: (fd: Fd) => Fd;

  /** @param own called with each descriptor as soon as it is open */
  constructor(own: (fd: Fd) => Fd) {
    this.#own = own;
  }

  /** @throws {SyscallError} EPERM without CAP_SYS_ADMIN @throws {TsbpfError} `MODULE_GONE` */
  open(module: string): Fd {
    let fd = this.#fds.get(module);
    if (!fd) {
      fd = this.#own(openModuleBtf(module));
      this.#fds.set(module, fd);
    }
    return fd;
  }

  /** By the modules' names, in the order in which they were opened. */
  get opened(): ReadonlyMap<string, Fd> {
    return this.#fds;
  }

  close(): void {
    for (const fd of this.#fds.values()) fd.close();
  }
}

/**
 * What the programs of one load use of kernel modules: their types, opened once each and held
 * until the programs are loaded, which then hold them.
 */
export class ModuleTypes {
  readonly #modules: ModuleFds;

  /** @param own called with each descriptor as soon as it is open */
  constructor(own: (fd: Fd) => Fd) {
    this.#modules = new ModuleFds(own);
  }

  /** Their descriptors, from place 1 on: a call with place 0 is one of the kernel's own functions. */
  get fdArray(): Uint8Array | undefined {
    const { opened } = this.#modules;
    if (opened.size === 0) return undefined;
    const numbers = Int32Array.of(0, ...[...opened.values()].map(({ number }) => number));
    return new Uint8Array(numbers.buffer);
  }

  /** Answers for a program's externs that `link` has found in a module. */
  extern({ relocations }: LinkedProgram): NonNullable<Resolver['extern']> {
    return (name, use) => {
      const found = relocations.find((each) => each.kind === 'extern' && each.name === name);
      if (found?.kind !== 'extern' || !found.module) return undefined;
      const { name: module, type } = found.module;
      const fd = this.#modules.open(module);
      const place = [...this.#modules.opened.keys()].indexOf(module) + 1;
      const [src, upper] = use === 'call' ? [PSEUDO_KFUNC_CALL, place] : [PSEUDO_BTF_ID, fd.number];
      return { src, imm64: (BigInt(upper) << 32n) | BigInt(type) };
    };
  }

  close(): void {
    this.#modules.close();
  }
}
