import type { BtfFeatures } from '../../btf/index.ts';
import { HELPERS } from '../../isa/helpers.generated.ts';
import { AttachType, BpfCmd, LinkType, MapType, ProgType } from '../../isa/kernel-tables.generated.ts';
import { KFUNCS } from '../../isa/kfuncs.generated.ts';
import type { KernelFacts } from '../../object/spec.ts';
import { type Native, nativeInUse } from '../../syscall/native.ts';
import { TsbpfError } from '../../util/errors.ts';
import { didYouMean } from '../../util/suggest.ts';
import { runningKernel } from '../facts.ts';
import { anyOf, type FeatureAnswer, type FeatureState, no, unknown, yes } from './features-answer.ts';
import { probeAttachType } from './features-attach.ts';
import { BTF_FEATURES, type BtfFeatureName, probeBtf } from './features-btf.ts';
import { probeHelper } from './features-helpers.ts';
import { ISA_NAMES, type IsaName, probeIsa } from './features-isa.ts';
import { KERNEL_FEATURES, type KernelFeatureName, probeKernel } from './features-kernel.ts';
import { answerMapType, type MapTypeName } from './features-maps.ts';
import { KERNEL_OPTIONS } from './features-options.ts';
import { type AttachTypeName, type ProgTypeName, probeVariant, variantsOf } from './features-programs.ts';
import { KernelTypes } from './features-types.ts';

/** What can be asked about, in the order in which it is printed. */
export const FEATURE_KINDS = [
  'program',
  'map',
  'helper',
  'isa',
  'attach',
  'link',
  'kfunc',
  'btf',
  'command',
  'kernel',
  'option',
] as const;
export type FeatureKind = (typeof FEATURE_KINDS)[number];

export interface KernelFeaturesOptions {
  /** Answers that stand in for the kernel's, by what is asked: `{ 'btf/enum64': 'no' }`. */
  readonly answers?: Readonly<Record<string, FeatureState | FeatureAnswer>> | undefined;
}

const lower = (name: string): string => name.toLowerCase();
const upper = (name: string): string => name.toUpperCase();

/** The names of a table without UNSPEC, in lower case, one for each number. */
function namesOf(table: Readonly<Record<string, number>>): string[] {
  const seen = new Set<number>();
  return Object.entries(table).flatMap(([name, value]) => {
    // Names of old, which stand before the ones of today.
    if (name === 'UNSPEC' || name.endsWith('_DEPRECATED') || seen.has(value)) return [];
    seen.add(value);
    return [lower(name)];
  });
}

const PROG_TYPES = namesOf(ProgType);
const NAMES: Readonly<Record<FeatureKind, () => readonly string[]>> = {
  program: () => PROG_TYPES,
  map: () => namesOf(MapType),
  helper: () => PROG_TYPES.flatMap((type) => HELPERS.map(({ name }) => `${type}/${name}`)),
  isa: () => ISA_NAMES,
  attach: () => namesOf(AttachType),
  link: () => namesOf(LinkType),
  kfunc: () => Object.keys(KFUNCS),
  btf: () => BTF_FEATURES,
  command: () => namesOf(BpfCmd),
  kernel: () => KERNEL_FEATURES,
  option: () => KERNEL_OPTIONS,
};

/** The names of a kind that can be asked about; helpers as `xdp/bpf_redirect`. */
export function featureNames(kind: FeatureKind): readonly string[] {
  return [...knownNames(kind)];
}

const known: Map<FeatureKind, ReadonlySet<string>> = new Map();

/** Made once: there are 7,000 pairs of a type and a helper. */
function knownNames(kind: FeatureKind): ReadonlySet<string> {
  let names = known.get(kind);
  if (!names) {
    names = new Set(NAMES[kind]());
    known.set(kind, names);
  }
  return names;
}

/**
 * What the running kernel has: `yes`, `no`, or `unknown` with the errno that stood in the way. Told by
 * the kernel's own types where they name it, and by trying; never by the text of a log alone. What is
 * firm is kept; `unknown` is asked again, for a privilege may have been gained in between.
 *
 * @example
 * ```ts
 * const features = new KernelFeatures();
 * features.ask('map/arena').state;            // 'yes'
 * features.ask('helper/xdp/bpf_redirect').why; // 'the verifier looks at its arguments'
 * features.ask('attach/trace_fentry');         // { state: 'unknown', errno: 1, why: 'refused before …' }
 * ```
 */
export class KernelFeatures {
  readonly #facts: KernelFacts;
  readonly #given: ReadonlyMap<string, FeatureAnswer>;
  readonly #firm: Map<string, FeatureAnswer> = new Map();
  #knownTypes: KernelTypes | undefined;

  constructor(facts: KernelFacts = runningKernel(), options: KernelFeaturesOptions = {}) {
    this.#facts = facts;
    this.#given = new Map(
      Object.entries(options.answers ?? {}).map(([name, answer]) => [
        name,
        typeof answer === 'string' ? { state: answer, why: 'as given' } : answer,
      ]),
    );
  }

  /**
   * @param name a kind and a name: `program/xdp`, `map/ringbuf`, `helper/xdp/bpf_redirect`, `isa/v4`, `attach/tcx_ingress`, `kfunc/bpf_rcu_read_lock`, `btf/enum64`, `command/token_create`, `kernel/memcg-accounting`, `option/CONFIG_BPF_LSM`
   * @throws {TsbpfError} `FEATURE_UNKNOWN`
   */
  ask(name: string): FeatureAnswer {
    const known = this.#given.get(name) ?? this.#firm.get(name);
    if (known) return known;
    const [kind = '', ...rest] = name.split('/');
    const answer = this.#probe(kind, rest.join('/'));
    if (answer.state !== 'unknown') this.#firm.set(name, answer);
    return answer;
  }

  /** Whether the answer is yes. */
  has(name: string): boolean {
    return this.ask(name).state === 'yes';
  }

  /** What BPF_BTF_LOAD takes, for `sanitiseBtf`; what is not told counts as taken. */
  btf(): BtfFeatures {
    const features: Record<string, boolean> = {};
    for (const name of BTF_FEATURES) {
      if (name !== 'int') features[name] = this.ask(`btf/${name}`).state !== 'no';
    }
    return features;
  }

  get #types(): KernelTypes {
    this.#knownTypes ??= new KernelTypes(this.#facts.btf);
    return this.#knownTypes;
  }

  get #version(): number {
    return this.#facts.version ?? 0;
  }

  #probe(kind: string, name: string): FeatureAnswer {
    if (!(FEATURE_KINDS as readonly string[]).includes(kind)) {
      throw new TsbpfError('FEATURE_UNKNOWN', `'${kind}' is no kind of feature`, {
        hint: didYouMean(kind, FEATURE_KINDS)[0] ?? `there are: ${FEATURE_KINDS.join(', ')}`,
      });
    }
    const names = knownNames(kind as FeatureKind);
    // Any kfunc and any option may be asked about: modules and newer kernels have more.
    if (kind !== 'kfunc' && kind !== 'option' && !names.has(name)) {
      throw new TsbpfError('FEATURE_UNKNOWN', `there is no ${kind} '${name}' to ask about`, {
        hint: didYouMean(name, names)[0],
      });
    }
    return this.#ways[kind as FeatureKind](name);
  }

  readonly #ways: Readonly<Record<FeatureKind, (name: string) => FeatureAnswer>> = {
    program: (name) => this.#program(upper(name) as ProgTypeName),
    map: (name) =>
      answerMapType(
        upper(name) as MapTypeName,
        this.#types.enumHas('bpf_map_type', `BPF_MAP_TYPE_${upper(name)}`),
      ),
    helper: (name) => {
      const [type = '', helper = ''] = name.split('/');
      return probeHelper(
        upper(type) as ProgTypeName,
        helper,
        this.#types,
        this.#version,
        this.ask(`program/${type}`),
      );
    },
    isa: (name) => probeIsa(name as IsaName, this.#version, (part) => this.ask(`isa/${part}`)),
    attach: (name) =>
      probeAttachType(upper(name) as AttachTypeName, this.#types, this.#version, (type) =>
        this.ask(`program/${lower(type)}`),
      ),
    kfunc: (name) => this.#kfunc(name),
    btf: (name) => probeBtf(name as BtfFeatureName, (other) => this.ask(`btf/${other}`)),
    link: (name) => this.#named('bpf_link_type', `BPF_LINK_TYPE_${upper(name)}`),
    command: (name) => this.#named('bpf_cmd', `BPF_${upper(name)}`),
    kernel: (name) =>
      probeKernel(name as KernelFeatureName, {
        types: () => this.#types,
        version: this.#version,
        attachType: (other) => this.ask(`attach/${lower(other)}`),
      }),
    option: (name) => this.#option(name),
  };

  #program(type: ProgTypeName): FeatureAnswer {
    if (this.#types.enumHas('bpf_prog_type', `BPF_PROG_TYPE_${type}`) === false)
      return no('the types of this kernel do not name it');
    return anyOf(this.#variants(type), unknown('there is no way to ask'));
  }

  /** One by one: the first that is there is enough. */
  *#variants(type: ProgTypeName): Generator<FeatureAnswer> {
    for (const variant of variantsOf(type)) yield probeVariant(type, variant, this.#types, this.#version);
  }

  #kfunc(name: string): FeatureAnswer {
    if (!this.#types.known) return unknown('the kernel shows no types');
    if (this.#types.kfuncs.has(name)) return yes('the types of this kernel mark it');
    for (const [module, btf] of this.#facts.moduleBtf ?? []) {
      if (new KernelTypes(btf).kfuncs.has(name)) return yes(`the types of module ${module} mark it`);
    }
    if (this.#types.firstOf([name], 'func') === undefined)
      return no('the types of this kernel do not name it');
    // Linux before 6.9 marks none.
    return this.#types.kfuncs.size > 0
      ? no('the types of this kernel name it, and do not mark it as open to programs')
      : unknown('the types of this kernel name it, and mark no function as open to programs');
  }

  #named(enumeration: string, name: string): FeatureAnswer {
    const has = this.#types.enumHas(enumeration, name);
    if (has === undefined) return unknown('the kernel shows no types');
    return has ? yes('the types of this kernel name it') : no('the types of this kernel do not name it');
  }

  #option(name: string): FeatureAnswer {
    const options = this.#facts.kconfig;
    if (!options) return unknown('the kernel shows no configuration');
    const value = options.get(name);
    if (value === undefined || value === 'n') return no('not set');
    return yes(value);
  }
}

const features: WeakMap<Native, KernelFeatures> = new WeakMap();

/** The features of the running kernel, shared by all of this process. */
export function kernelFeatures(): KernelFeatures {
  const native = nativeInUse();
  let known = features.get(native);
  if (!known) {
    known = new KernelFeatures();
    features.set(native, known);
  }
  return known;
}
