import { TsbpfError } from '../../util/errors.ts';
import type { AttachOptions } from '../attach/attach.ts';
import { Link, LinkGroup } from '../attach/link.ts';
import { StructOpsAttachment } from '../attach/struct-ops.ts';
import type { Collection } from './collection.ts';
import type { Program } from './program.ts';

/** What a function that attaches answers with: a link, an attachment without one, an iterator. */
export interface ProbeAttachment {
  readonly target?: string;
  detach?(): boolean;
  close(): void;
}

/** A program and where it goes. */
export interface ProbeOptions extends AttachOptions {
  /** By which the manager knows it. */
  readonly id: string;
  /** The program's function name. */
  readonly program: string;
  /** The object that has it; may be left out where the manager has one only. */
  readonly object?: string;
  /**
   * Another section's title than the program's own: then a copy of the program is loaded for it, which
   * shares its maps. `tp_btf/sys_enter`, `uprobe//bin/bash:readline`.
   */
  readonly section?: string;
  /** How it is attached; left out, to what the section names. */
  readonly attach?: (program: Program, collection: Collection) => ProbeAttachment;
  /** Where its link is pinned while it runs, in a BPF file system. */
  readonly pin?: string;
  /** False: the manager's start leaves it alone. */
  readonly enabled?: boolean;
}

/** `unloaded` before the load and behind the end, `failed` where its last start was refused. */
export type ProbeState = 'unloaded' | 'stopped' | 'running' | 'failed';

/** What a probe is and does right now. */
export interface ProbeListing {
  readonly id: string;
  readonly object: string;
  readonly program: string;
  readonly section: string;
  readonly state: ProbeState;
  /** While it runs: what it is attached to; empty where the attachment does not say. */
  readonly target: string | undefined;
  /** The kernel's number of the program; 0 where it is not loaded. */
  readonly programId: number;
  /** The kernel's numbers of its links. */
  readonly linkIds: readonly number[];
  /** Why its last start was refused. */
  readonly error: string | undefined;
}

/** How a probe reaches what the manager has loaded. */
export interface ProbeHome {
  readonly object: string;
  /** The name under which the program is loaded: its own, or a copy's. */
  readonly loadedAs: string;
  /** @throws {TsbpfError} `MANAGER_UNLOADED` */
  readonly collection: () => Collection;
  readonly loaded: () => boolean;
}

/** One probe of a {@link Manager}: started and stopped by itself, or with all the others. */
export class ManagedProbe {
  readonly options: ProbeOptions;
  readonly #home: ProbeHome;
  #attached: ProbeAttachment | undefined;
  #pinned: Link | StructOpsAttachment | undefined;
  #error: unknown;

  constructor(options: ProbeOptions, home: ProbeHome) {
    this.options = options;
    this.#home = home;
  }

  get id(): string {
    return this.options.id;
  }

  get object(): string {
    return this.#home.object;
  }

  /** The name under which its program is loaded. */
  get loadedAs(): string {
    return this.#home.loadedAs;
  }

  get state(): ProbeState {
    if (this.#attached) return 'running';
    if (!this.#home.loaded()) return 'unloaded';
    return this.#error === undefined ? 'stopped' : 'failed';
  }

  /** Why its last start was refused. */
  get error(): unknown {
    return this.#error;
  }

  /** What its attachment is, while it runs. */
  get attached(): ProbeAttachment | undefined {
    return this.#attached;
  }

  /** The program that it runs. @throws {TsbpfError} `MANAGER_UNLOADED` */
  get program(): Program {
    return this.#home.collection().program(this.#home.loadedAs);
  }

  /**
   * Attaches it; does nothing where it runs.
   *
   * @returns false where it ran already
   * @throws {TsbpfError} `MANAGER_UNLOADED`, `PROBE_REFUSED`, whose cause is what was refused
   */
  start(): boolean {
    if (this.#attached) return false;
    const { program } = this;
    this.#error = undefined;
    try {
      const attached = this.#attach(program);
      try {
        this.#pin(attached);
      } catch (error) {
        attached.close();
        throw error;
      }
      this.#attached = attached;
      return true;
    } catch (cause) {
      this.#error = cause;
      const { message, hint } = cause as { message?: string; hint?: string };
      throw new TsbpfError('PROBE_REFUSED', `probe '${this.id}': ${message ?? String(cause)}`, {
        cause,
        hint,
      });
    }
  }

  /**
   * Takes it off.
   *
   * @param keepPinned leaves it attached where it is pinned
   * @returns false where it did not run
   */
  stop(keepPinned = false): boolean {
    const attached = this.#attached;
    const pinned = this.#pinned;
    if (!attached) return false;
    this.#attached = undefined;
    this.#pinned = undefined;
    try {
      if (pinned && keepPinned) return true;
      const link = pinned instanceof StructOpsAttachment ? pinned.link : pinned;
      link?.unpin();
      attached.detach?.();
    } finally {
      attached.close();
    }
    return true;
  }

  restart(): void {
    this.stop();
    this.start();
  }

  listing(): ProbeListing {
    const loaded = this.#home.loaded();
    const { id, object, state, options } = this;
    const target = this.#attached && targetOf(this.#attached);
    return {
      id,
      object,
      program: options.program,
      section: options.section ?? (loaded ? this.program.section : ''),
      state,
      target,
      programId: loaded ? this.program.id : 0,
      linkIds: this.#attached ? linkIds(this.#attached) : [],
      error: this.#error instanceof Error ? this.#error.message : undefined,
    };
  }

  /** Forgets an earlier refusal, as the load that it belonged to has ended. */
  forget(): void {
    this.#error = undefined;
  }

  #attach(program: Program): ProbeAttachment {
    const { attach, cookie, pid } = this.options;
    if (attach) return attach(program, this.#home.collection());
    return program.attach({ ...(cookie !== undefined && { cookie }), ...(pid !== undefined && { pid }) });
  }

  #pin(attached: ProbeAttachment): void {
    const { pin } = this.options;
    if (pin === undefined) return;
    if (!(attached instanceof Link || attached instanceof StructOpsAttachment))
      throw new TsbpfError(
        'PROBE_NO_LINK',
        `what is attached here is no link, so it is not pinned at ${pin}`,
        {
          hint: 'attach it by a link, or leave pin out',
        },
      );
    attached.pin(pin);
    this.#pinned = attached;
  }
}

function targetOf(attached: ProbeAttachment): string {
  const { target, link } = attached as { target?: string; link?: { readonly target?: string } };
  return target ?? link?.target ?? '';
}

function linkIds(attached: ProbeAttachment): number[] {
  if (attached instanceof Link) return [attached.id];
  if (attached instanceof LinkGroup) return attached.links.flatMap(linkIds);
  const { link } = attached as { link?: unknown };
  return link instanceof Link ? [link.id] : [];
}
