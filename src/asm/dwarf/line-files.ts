import type { Range } from '../syntax/ast.ts';

/** A source file; strings have one character a byte. */
export interface LineFile {
  readonly name: string;
  /** 0 is the directory of the compilation, others count from 1. */
  readonly directory: number;
  /** 16 bytes. */
  readonly md5: Uint8Array | undefined;
  readonly source: string | undefined;
  readonly range: Range;
}

/** What a `.file NUMBER` line says. */
export interface NamedFile {
  readonly directory: string;
  readonly name: string;
  readonly md5: Uint8Array | undefined;
  readonly source: string | undefined;
  readonly range: Range;
}

/** The files and directories of a line table, numbered as LLVM does. */
export class LineFiles {
  /** `.file 0`: the file that was compiled. Only DWARF 5 has it. */
  root: LineFile | undefined;
  directory = '';
  readonly directories: string[] = [];
  readonly #byNumber: Map<number, LineFile> = new Map();
  readonly #directoryIndex: Map<string, number> = new Map();
  #withMd5 = 0;
  #count = 0;
  #highest = 0;

  /** False where that number has a file already. */
  add(number: number, file: NamedFile): boolean {
    this.#count++;
    if (file.md5) this.#withMd5++;
    const { md5, source, range } = file;
    if (number === 0) {
      if (this.root) return false;
      this.directory = file.directory;
      this.root = { name: file.name, directory: 0, md5, source, range };
      return true;
    }
    if (this.#isRoot(file)) return true;
    if (this.#byNumber.has(number)) return false;
    const { directory, name } = this.#split(file);
    const index = directory === '' ? 0 : this.#indexOf(directory);
    this.#byNumber.set(number, { name, directory: index, md5, source, range });
    this.#highest = Math.max(this.#highest, number);
    return true;
  }

  #isRoot({ name, md5 }: NamedFile): boolean {
    const { root } = this;
    if (root?.name !== name) return false;
    return String(root.md5) === String(md5);
  }

  /** The directory of the compilation goes without saying; a path in the name belongs to the directory. */
  #split(file: NamedFile): { readonly directory: string; readonly name: string } {
    const directory = file.directory === this.directory ? '' : file.directory;
    if (directory !== '') return { directory, name: file.name };
    const slash = file.name.lastIndexOf('/');
    if (slash < 0) return { directory, name: file.name };
    return { directory: file.name.slice(0, slash) || '/', name: file.name.slice(slash + 1) };
  }

  #indexOf(directory: string): number {
    const known = this.#directoryIndex.get(directory);
    if (known !== undefined) return known;
    this.directories.push(directory);
    this.#directoryIndex.set(directory, this.directories.length);
    return this.directories.length;
  }

  /** True for a number that a `.loc` may name. */
  has(number: number): boolean {
    return number === 0 ? this.root !== undefined : this.#byNumber.has(number);
  }

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** Sums are told for all files or for none. */
  get allHaveMd5(): boolean {
    return this.#withMd5 === this.#count;
  }

  /** The lowest number between 1 and the highest that no file has. */
  get missing(): number | undefined {
    if (this.#byNumber.size === this.#highest) return undefined;
    for (let number = 1; ; number++) if (!this.#byNumber.has(number)) return number;
  }

  /** Files 1 and up; none may be missing. */
  numbered(): LineFile[] {
    return Array.from({ length: this.#highest }, (_, index) => this.#byNumber.get(index + 1)!);
  }

  /** The file with the highest number. */
  get last(): { readonly number: number; readonly file: LineFile } | undefined {
    const file = this.#byNumber.get(this.#highest);
    return file && { number: this.#highest, file };
  }
}
