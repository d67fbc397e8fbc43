import { Program } from '../kernel/index.ts';
import { TsbpfError } from '../util/errors.ts';

/** What the program with an id is called; empty where it is gone by now, or not to be seen. */
export function programName(id: number): string {
  if (id === 0) return '';
  try {
    using program = Program.openById(id);
    return program.name;
  } catch (error) {
    if (error instanceof TsbpfError) return '';
    throw error;
  }
}
