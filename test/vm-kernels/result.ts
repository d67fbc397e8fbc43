/** What one file of tests came to on one kernel. */
export interface FileResult {
  readonly name: string;
  readonly seconds: number;
  passed: number;
  skipped: number;
  /** A test's name, and on the lines below why. */
  readonly failures: string[];
}

/** What all of them came to on one kernel. */
export interface Outcome {
  readonly files: ReadonlyMap<string, FileResult>;
  /** Why there is nothing more. */
  readonly problem?: string;
}
