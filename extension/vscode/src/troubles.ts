/** Why a recording cannot be shown, in words for the reader, and the line to type where one helps. Knows nothing of VS Code. */

export type Say = (text: string, ...given: string[]) => string;
export interface Trouble { title: string; detail?: string; line?: string; action?: 'python' | 'trust' | 'folder' }

/** The oldest Tapescope whose recordings can be followed from here. */
export const OLDEST = '0.1.0';

/** Whether a process complained that its Tapescope has no `stream`. */
export const lacksStream = (stderr: string) => /invalid choice: '?stream|No module named tapescope\.__main__|cannot be directly executed/.test(stderr);

/** Of a process that ended before it said anything: its exit code (or the error of starting it) and the end of what it said. `version` is that of a Tapescope without `stream`, where it is known. */
export function whyItEnded(python: string, path: string, code: number | null, signal: string | null, stderr: string, error: NodeJS.ErrnoException | null, say: Say, version = ''): Trouble {
  const install = (upgrade: boolean) => `${quoted(python)} -m pip install ${upgrade ? '-U ' : ''}tapescope`;
  if (error?.code === 'ENOENT' || error?.code === 'EACCES' || error?.code === 'ENOTDIR') {
    return { title: say('There is no Python at {0}.', python), detail: say('Choose an interpreter, or set tapescope.pythonPath.'), action: 'python' };
  }
  if (error) return { title: say('{0} could not be started: {1}', python, error.message), action: 'python' };
  const missing = /No module named '?([\w.]+)'?/.exec(stderr)?.[1];
  if (missing === 'tapescope') return { title: say('{0} has no Tapescope.', python), detail: say('Install it where the recording is read:'), line: install(false), action: 'python' };
  if (lacksStream(stderr)) {
    const title = version ? say('Tapescope {0} of {1} is too old; {2} or newer is needed.', version, python, OLDEST) : say('The Tapescope of {0} is too old: it cannot follow recordings for an editor.', python);
    return { title, detail: say('Bring a newer one:'), line: install(true), action: 'python' };
  }
  if (missing) return { title: say('{0} lacks {1}, which Tapescope needs.', python, missing), detail: say('Install it where the recording is read:'), line: install(false), action: 'python' };
  if (/SyntaxError/.test(stderr)) return { title: say('{0} is too old: Tapescope needs Python 3.11 or newer.', python), action: 'python' };
  const last = stderr.trim().split('\n').at(-1) ?? '';
  if (/holds no recording|is no recording|is no folder|No such file/.test(last)) {
    return { title: say('{0} is not a recording.', path), detail: say('A recording is the folder that ts.record(path) wrote, or a folder of such folders.'), action: 'folder' };
  }
  if (signal) return { title: say('The process that reads the recording was ended ({0}).', signal) };
  return { title: say('The process that reads the recording ended ({0}).', String(code)), detail: last || undefined };
}

/** Of a Tapescope that answered: whether it is one that we can talk to. */
export function tooOld(python: string, version: unknown, say: Say): Trouble | null {
  const known = typeof version === 'string' ? version : '0';
  if (!older(known, OLDEST)) return null;
  return { title: say('Tapescope {0} of {1} is too old; {2} or newer is needed.', known, python, OLDEST), detail: say('Bring a newer one:'), line: `${quoted(python)} -m pip install -U tapescope`, action: 'python' };
}

export function older(a: string, b: string): boolean {
  const numbers = (v: string) => v.split(/[.+-]/).slice(0, 3).map(n => parseInt(n, 10) || 0);
  const [x, y] = [numbers(a), numbers(b)];
  for (let i = 0; i < 3; i++) if ((x[i] ?? 0) !== (y[i] ?? 0)) return (x[i] ?? 0) < (y[i] ?? 0);
  return false;
}

const quoted = (path: string) => (/[\s()&']/.test(path) ? `"${path}"` : path);
