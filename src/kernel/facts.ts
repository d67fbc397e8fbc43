import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { release, version as uname } from 'node:os';
import { gunzipSync } from 'node:zlib';
import { type Btf, parseBtf } from '../btf/index.ts';
import { parseKconfig } from '../object/index.ts';
import type { KernelFacts, Lookup } from '../object/spec.ts';
import { mapFile } from '../syscall/mapped-file.ts';
import { TsbpfError } from '../util/errors.ts';

const BTF_FOLDER = '/sys/kernel/btf';

/** Where a kernel's types are found where it does not show them itself; the first that is there counts. */
const BTF_FILES = [
  `${BTF_FOLDER}/vmlinux`,
  `/boot/vmlinux-${release()}.btf`,
  `/lib/modules/${release()}/vmlinux.btf`,
];

/** No configuration is longer; what is compressed could be. */
const MAX_KCONFIG_BYTES = 16 * 1024 * 1024;

/** A value that is made when it is first asked for, and kept. */
function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

function tryRead(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

function tryMap(path: string): Uint8Array | undefined {
  try {
    return mapFile(path);
  } catch {
    return undefined;
  }
}

const kernelBtf = once((): Btf | undefined => {
  for (const path of BTF_FILES) {
    // 5 MB that are there already: copying them takes 4 to 8 ms, mapping them a quarter of one.
    const bytes = tryMap(path) ?? tryRead(path);
    if (bytes) return parseBtf(bytes, path);
  }
  return undefined;
});

const moduleBtf = once((): ReadonlyMap<string, Btf> => {
  const base = kernelBtf();
  const out = new Map<string, Btf>();
  if (!base) return out;
  // A kernel whose types come from elsewhere shows none of its modules' either.
  for (const name of existsSync(BTF_FOLDER) ? readdirSync(BTF_FOLDER) : []) {
    const path = `${BTF_FOLDER}/${name}`;
    const bytes = name === 'vmlinux' ? undefined : tryRead(path);
    if (bytes) out.set(name, parseBtf(bytes, path, base));
  }
  return out;
});

const kconfig = once((): Lookup<string> | undefined => {
  const plain = tryRead(`/boot/config-${release()}`);
  if (plain) return parseKconfig(plain.toString());
  const packed = tryRead('/proc/config.gz');
  return packed && parseKconfig(gunzipSync(packed, { maxOutputLength: MAX_KCONFIG_BYTES }).toString());
});

/**
 * `LINUX_VERSION_CODE` of a kernel. Ubuntu and Debian put the number of their own ABI into the
 * release, `5.10.0-28-amd64`, and the kernel's elsewhere.
 *
 * @param ubuntu `/proc/version_signature`, where there is one
 */
export function kernelVersionOf(
  release: string,
  version: string,
  ubuntu: string | undefined,
): number | undefined {
  const text =
    ubuntu?.match(/^Ubuntu \S+ (\d+\.\d+\.\d+)/)?.[1] ??
    version.match(/Debian (\d+\.\d+\.\d+)/)?.[1] ??
    release;
  const match = text.match(/^(\d+)\.(\d+)(?:\.(\d+))?/);
  if (!match) return undefined;
  const [major = 0, minor = 0, patch = 0] = match.slice(1).map((part) => Number(part ?? 0));
  // KERNEL_VERSION() has one byte for the patch level; long-lived kernels have gone past it.
  return (major << 16) | (minor << 8) | Math.min(patch, 255);
}

const kernelVersion = once(() =>
  kernelVersionOf(release(), uname(), tryRead('/proc/version_signature')?.toString()),
);

/** Addresses of the running kernel's symbols; each is looked for in the text, of which a map would hold 120,000. */
const kallsyms = once((): Lookup<bigint> | undefined => {
  const text = tryRead('/proc/kallsyms')?.toString('latin1');
  return text === undefined ? undefined : { get: (name) => symbolAddress(text, name) };
});

/**
 * The address of a symbol in the text of `/proc/kallsyms`.
 *
 * @throws {TsbpfError} `KSYM_AMBIGUOUS` where several have the name, `KSYM_HIDDEN` where the kernel shows no addresses
 */
export function symbolAddress(text: string, name: string): bigint | undefined {
  const escaped = name.replaceAll(/[^\w]/g, '\\$&');
  // Compilers that see the whole kernel add a suffix to what they make global.
  const lines = text.matchAll(new RegExp(`^([0-9a-f]+) \\w ${escaped}(?:\\.llvm\\.\\d+)?(?:\\t.*)?$`, 'gm'));
  const addresses = new Set([...lines].map((match) => match[1]!));
  if (addresses.size === 0) return undefined;
  if (addresses.size > 1)
    throw new TsbpfError('KSYM_AMBIGUOUS', `the kernel has ${addresses.size} symbols ${name}`);
  const address = BigInt(`0x${[...addresses][0]!}`);
  if (address === 0n)
    throw new TsbpfError('KSYM_HIDDEN', `the kernel does not show the address of ${name}`, {
      hint: 'it shows them to CAP_SYSLOG, unless kernel.kptr_restrict is 2',
    });
  return address;
}

/**
 * What is known of the running kernel: types, version, configuration and symbols. Each is read when
 * it is first asked for, and kept for the life of the process.
 *
 * @example
 * ```ts
 * const linked = link(spec, 'on_exec', runningKernel());
 * ```
 */
export function runningKernel(): KernelFacts {
  return facts;
}

const facts: KernelFacts = {
  get version() {
    return kernelVersion();
  },
  get btf() {
    return kernelBtf();
  },
  get moduleBtf() {
    return moduleBtf();
  },
  get kconfig() {
    return kconfig();
  },
  get kallsyms() {
    return kallsyms();
  },
};
