import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseTracepointFormat, readTracepointFormat } from '../../src/kernel/index.ts';
import { enterNewMountNamespace, unmount } from '../../src/syscall/index.ts';
import { mountTracefs } from '../../src/syscall/tracefs.ts';
import { runExample, startExample } from '../support/examples.ts';
import { describeKernel, errorOf } from '../support/kernel.ts';

/** An interactive bash at a terminal of its own (script(1) of util-linux). */
class Terminal {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;

  constructor() {
    this.#child = spawn('script', ['-qc', 'bash --norc --noprofile -i', '/dev/null'], {
      stdio: ['pipe', 'ignore', 'ignore'],
      // No history, and no lines from the test's own terminal.
      env: { ...process.env, HISTFILE: '/dev/null', TERM: 'dumb' },
    });
    this.#ended = once(this.#child, 'exit');
  }

  type(line: string): void {
    this.#child.stdin!.write(`${line}\r`);
  }

  async end(): Promise<void> {
    this.type('exit');
    this.#child.stdin!.end();
    await this.#ended;
  }
}

const hasScript = (() => {
  try {
    execFileSync('script', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();
if (!hasScript) console.warn('skipped: lines typed into a bash: script(1) of util-linux is not installed');

describeKernel('the demonstration of readline', () => {
  test.skipIf(!hasScript).each(['bpf/readline.o', 'bpf/readline.s'])(
    '%s: tells of lines that are typed into a bash, odd and even, and the other way round when swapped',
    async (file) => {
      const example = startExample('readline', file);
      await example.says(/Listening for events\.\. \(uretprobe \/bin\/bash:readline\)\n/);
      const terminal = new Terminal();
      terminal.type('ll');
      await example.says(/return value: ll\n.* get even event\n/);
      terminal.type('ls -l');
      await example.says(/return value: ls -l\n.* get odd event\n/);
      example.child.kill('SIGUSR2');
      await example.says(/swapped slots 135 and 146\n/);
      terminal.type('echo swapped');
      await example.says(/return value: echo swapped\n.* get odd event\n/);
      await terminal.end();
      example.child.kill('SIGINT');
      expect(await example.ended).toBe(0);
      const lines = example.output().replaceAll(/^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d /gm, '');
      expect(lines.slice(lines.indexOf('/bin/bash'))).toMatchInlineSnapshot(`
        "/bin/bash:readline)
        /bin/bash:readline return value: ll
        get even event
        /bin/bash:readline return value: ls -l
        get odd event
        swapped slots 135 and 146
        /bin/bash:readline return value: echo swapped
        get odd event
        /bin/bash:readline return value: exit
        get odd event
        stopped
        "
      `);
    },
  );

  test('says what a program without the function has', () => {
    const { status, stdout, stderr } = runExample('readline', '/bin/true');
    expect({ status, stdout, stderr }).toMatchInlineSnapshot(`
      {
        "status": 1,
        "stderr": "/bin/true has no function 'readline'
      it is stripped of all symbols; give an offset in the file
      ",
        "stdout": "",
      }
    `);
  });
});

describeKernel('the demonstrations of system calls', () => {
  test.each(['bpf/execve.o', 'bpf/execve.s'])('%s: who starts what', (file) => {
    const { status, stdout, stderr } = runExample('execve', file, '/bin/true');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout.replace(/number \d+/, 'number N')).toMatchInlineSnapshot(`
      "syscalls/sys_enter_execve has number N, and behind the header of 8 bytes
        int __syscall_nr                     4 bytes at 8
        const char * filename                8 bytes at 16
        const char *const * argv             8 bytes at 24
        const char *const * envp             8 bytes at 32
      node starts /bin/true
      "
    `);
  });

  test.each(['bpf/syscall_dispatch.o', 'bpf/syscall_dispatch.s'])('%s: by the number of the call', (file) => {
    const { status, stdout, stderr } = runExample('syscall-dispatch', file);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatchInlineSnapshot(`
      "300 slots are filled, with 2 programs
      fchmodat: FOLDER/file becomes 640
      exit_group was counted 1 time, fchmodat 0 times
      other calls were counted: true
      emptied: 0 slots are filled
      "
    `);
  });
});

const EXECVE = `name: sys_enter_execve
ID: 862
format:
	field:unsigned short common_type;	offset:0;	size:2;	signed:0;
	field:unsigned char common_flags;	offset:2;	size:1;	signed:0;
	field:unsigned char common_preempt_count;	offset:3;	size:1;	signed:0;
	field:int common_pid;	offset:4;	size:4;	signed:1;

	field:int __syscall_nr;	offset:8;	size:4;	signed:1;
	field:const char * filename;	offset:16;	size:8;	signed:0;
	field:__data_loc char[] text;	offset:24;	size:4;	signed:0;
	field:char comm[16];	offset:28;	size:16;	signed:0;

print fmt: "filename: 0x%08lx", ((unsigned long)(REC->filename))
`;

describe('the format of a tracepoint', () => {
  test('is read', () => {
    const { name, id, fields, print } = parseTracepointFormat(EXECVE);
    expect({ name, id, print }).toEqual({
      name: 'sys_enter_execve',
      id: 862,
      print: '"filename: 0x%08lx", ((unsigned long)(REC->filename))',
    });
    expect(fields.filter(({ common }) => common).map((field) => field.name)).toEqual([
      'common_type',
      'common_flags',
      'common_preempt_count',
      'common_pid',
    ]);
    expect(fields.filter(({ common }) => !common)).toEqual([
      {
        name: '__syscall_nr',
        type: 'int',
        offset: 8,
        size: 4,
        signed: true,
        common: false,
        dynamic: undefined,
      },
      {
        name: 'filename',
        type: 'const char *',
        offset: 16,
        size: 8,
        signed: false,
        common: false,
        dynamic: undefined,
      },
      {
        name: 'text',
        type: '__data_loc char[]',
        offset: 24,
        size: 4,
        signed: false,
        common: false,
        dynamic: 'data_loc',
      },
      {
        name: 'comm',
        type: 'char[16]',
        offset: 28,
        size: 16,
        signed: false,
        common: false,
        dynamic: undefined,
      },
    ]);
  });

  test('refuses what is none', () => {
    const texts = {
      nothing: '',
      'another number': EXECVE.replace('862', 'many'),
      'a field without a size': EXECVE.replace('\tsize:16;', ''),
      'a field without a name': EXECVE.replace('char comm[16]', 'char'),
      'no fields': EXECVE.replaceAll(/^\tfield.*\n/gm, ''),
      'no print': EXECVE.replace('print fmt', 'print'),
    };
    const errors = Object.entries(texts).map(([what, text]) => [
      what,
      errorOf(() => parseTracepointFormat(text)),
    ]);
    expect(errors.map(([, error]) => (error as { code?: string }).code)).toEqual(
      errors.map(() => 'TRACEPOINT_FORMAT'),
    );
    expect(
      errors.map(([what, error]) => `${what}: ${(error as Error).message}`).join('\n'),
    ).toMatchInlineSnapshot(`
      "nothing: this is no format of a tracepoint: the line 'name:' is missing
      another number: this is no format of a tracepoint: 'many' is no number of a tracepoint
      a field without a size: this is no format of a tracepoint: the line 'field:char comm[16];	offset:28;	signed:0;' is no field
      a field without a name: this is no format of a tracepoint: 'char' declares no field
      no fields: this is no format of a tracepoint: it has no fields
      no print: this is no format of a tracepoint: the line 'print fmt:' is missing"
    `);
  });
});

describeKernel('the formats of this kernel', () => {
  const tracefs = mkdtempSync(join(tmpdir(), 'tsbpf-formats-'));
  beforeAll(() => {
    enterNewMountNamespace();
    mountTracefs(tracefs);
  });
  afterAll(() => {
    unmount(tracefs);
    rmdirSync(tracefs);
  });

  test('are all read, and their fields lie behind one another', () => {
    const files = readdirSync(`${tracefs}/events`, { recursive: true, encoding: 'utf8' }).filter(
      (name) => name.endsWith('/format') && !name.startsWith('ftrace/'),
    );
    expect(files.length).toBeGreaterThan(500);
    for (const file of files) {
      const text = readFileSync(`${tracefs}/events/${file}`, 'utf8');
      const { id, fields } = parseTracepointFormat(text);
      expect([file, id]).toEqual([
        file,
        Number(readFileSync(`${tracefs}/events/${file.replace(/format$/, 'id')}`, 'utf8')),
      ]);
      expect([file, fields.length]).toEqual([file, text.match(/^\tfield:/gm)?.length]);
      let end = 0;
      for (const { name, offset, size } of fields) {
        expect(offset, `${file} ${name}`).toBeGreaterThanOrEqual(end);
        end = offset + size;
      }
    }
  });

  test('says what there is not', () => {
    expect(errorOf(() => readTracepointFormat('syscalls', 'sys_enter_exceve')).code).toMatch(
      /TRACEPOINT_NOT_FOUND|TRACEFS_UNAVAILABLE/,
    );
  });
});
