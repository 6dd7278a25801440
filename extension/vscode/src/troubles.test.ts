import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Parcel } from './framing';
import { Stream } from './stream';
import { older, type Trouble } from './troubles';

const say = (text: string, ...given: string[]) => text.replace(/\{(\d)\}/g, (_, i) => given[Number(i)]!);
let folder: string;
beforeAll(() => { folder = mkdtempSync(join(tmpdir(), 'tapescope-')); });
afterAll(() => rmSync(folder, { recursive: true }));

/** An executable that stands for a Python of some kind; it is really started. */
function program(name: string, body: string): string {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  return path;
}

function open(python: string): Promise<{ trouble: Trouble; heard: Parcel[] }> {
  const heard: Parcel[] = [];
  return new Promise(resolve => new Stream(python, '/runs/a', folder, say, parcel => heard.push(parcel), trouble => resolve({ trouble, heard })));
}

const attached = (version: string) => {
  const text = JSON.stringify({ type: 'attached', request: 'a', protocol: 1, kernel: 'k', version, recordings: [] });
  return `printf '\\${text.length.toString(8).padStart(3, '0')}\\000\\000\\000\\000\\000\\000\\000%s' '${text}'; cat > /dev/null`;
};

it.each<[string, string | null, string, string | undefined]>([
  ['no Python', null, 'There is no Python at', undefined],
  ['no tapescope', 'echo "/x/python: No module named tapescope" >&2; exit 1', 'has no Tapescope', '-m pip install tapescope'],
  ['one without stream', 'echo "python -m tapescope: error: argument command: invalid choice: \'stream\' (choose from list)" >&2; exit 2', 'is too old: it cannot follow', '-m pip install -U tapescope'],
  ['one without stream whose version is known', 'if [ "$1" = -c ]; then echo 0.0.7; exit; fi; echo "python -m tapescope: error: argument command: invalid choice: \'stream\' (choose from list)" >&2; exit 2', 'Tapescope 0.0.7 of', '-m pip install -U tapescope'],
  ['no NumPy', 'echo "ModuleNotFoundError: No module named \'numpy\'" >&2; exit 1', 'lacks numpy', '-m pip install tapescope'],
  ['an old Python', 'echo "SyntaxError: invalid syntax" >&2; exit 1', 'needs Python 3.11', undefined],
  ['not a tape', 'echo "/runs/a holds no recording" >&2; exit 1', '/runs/a is not a recording', undefined],
  ['killed', 'kill -9 $$', 'was ended (SIGKILL)', undefined],
  ['something else', 'echo "MemoryError" >&2; exit 3', 'ended (3)', undefined],
  ['another program', 'echo "Python 3.12.1 (main) [GCC 12.2.0] on linux"; cat > /dev/null', 'cannot be read', undefined],
  ['an older Tapescope that answers', attached('0.0.9'), 'Tapescope 0.0.9 of', '-m pip install -U tapescope'],
])('%s is said in words', async (name, body, title, line) => {
  const { trouble } = await open(body === null ? join(folder, 'nowhere') : program(name.replaceAll(' ', '-'), body));
  expect(trouble.title).toContain(title);
  if (line) expect(trouble.line).toContain(line);
  else expect(trouble.line).toBeUndefined();
});

it('a message of a Tapescope that is new enough arrives, and closing the input ends the process', async () => {
  const heard: Parcel[] = [];
  let stream!: Stream;
  await new Promise<void>(resolve => { stream = new Stream(program('good', attached('0.1.0')), '/runs/a', folder, say, p => { heard.push(p); resolve(); }, () => {}); });
  expect(heard[0]!.message.version).toBe('0.1.0');
  const { pid } = stream;
  stream.dispose();
  await expect.poll(() => { try { process.kill(pid!, 0); return true; } catch { return false; } }).toBe(false);
});

it('versions are compared by their numbers', () => {
  expect([older('0.1.0', '0.2'), older('0.10', '0.9'), older('1.0.0rc1', '1.0.0'), older('0.1.0', '0.1.0')]).toEqual([true, false, false, false]);
});
