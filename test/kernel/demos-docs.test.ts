import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { runExample, startExample } from '../support/examples.ts';
import { describeKernel } from '../support/kernel.ts';
import { lacks, type Need } from '../support/needs.ts';

const page = readFileSync('docs/demonstrations.md', 'utf8');
const commands = [...page.matchAll(/```sh\n(.*?)```/gs)].flatMap((match) => match[1]!.trim().split('\n'));
const PREFIX = /^npm run example -- examples\/([a-z-]+)\.ts ?(.*)$/;

/** Those that go on until Ctrl-C, with what they say when they are ready. */
const ENDLESS: Readonly<Record<string, RegExp>> = {
  readline: /Listening for events/,
  execve: /listening; Ctrl-C ends it/,
};

const NEEDS: Readonly<Record<string, Need>> = {
  'hot-swap': 'patching of code that runs',
  'map-tour': 'arena',
};

/** Parts of others. */
const PARTS = ['frames', 'hosts', 'peer', 'run', 'sockets'];

describeKernel('the commands of docs/demonstrations.md', () => {
  test.for(commands)('%s', async (command, { skip }) => {
    const [, name, rest] = PREFIX.exec(command)!;
    const need = NEEDS[name!];
    if (need && lacks(need)) skip(lacks(need));
    const args = rest === '' ? [] : rest!.split(' ');
    const ready = args.length === 0 ? ENDLESS[name!] : undefined;
    if (ready) {
      const example = startExample(name!);
      await example.says(ready);
      example.child.kill('SIGINT');
      expect(await example.ended).toBe(0);
      return;
    }
    const { status, stdout, stderr } = runExample(name!, ...args);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).not.toBe('');
  });

  test('every example is on the page', () => {
    const examples = readdirSync('examples').flatMap((file) => /^(.*)\.ts$/.exec(file)?.[1] ?? []);
    const told = examples.filter((name) => page.includes(`examples/${name}.ts`) || name === 'demo');
    expect([...told, ...PARTS].sort()).toEqual(examples.sort());
  });

  test.each(['readline', 'drop-tcp', 'hot-swap', 'map-tour'])(
    '%s says what is missing without bpf(2)',
    (name) => {
      const bare = ['--bounding-set=-all', '--inh-caps=-all', process.execPath];
      const { status, stdout, stderr } = spawnSync(
        'setpriv',
        [...bare, 'scripts/run-ts.mjs', `examples/${name}.ts`],
        {
          encoding: 'utf8',
        },
      );
      expect({ status, stdout, stderr }).toEqual({
        status: 1,
        stdout: '',
        stderr:
          'cannot create a map: this process lacks CAP_BPF, and kernel.unprivileged_bpf_disabled=2 closes bpf(2) to everybody else (EPERM)\nrun as root, or give the process CAP_BPF\n',
      });
    },
  );
});
