/** `python -m tapescope stream PATH` as a way to a recording: no port, queries and paging as everywhere. Knows nothing of VS Code. */

import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { Decoder, encode, FramingError, type Parcel } from './framing';
import { lacksStream, tooOld, whyItEnded, type Say, type Trouble } from './troubles';

const TAIL = 4000;                                      // characters of what it complained about that are kept
const VERSION = 'from importlib.metadata import version; print(version("tapescope"))';

export class Stream {
  private readonly process: ChildProcess;
  private readonly decoder = new Decoder();
  private stderr = '';
  private over = false;

  /** `cwd` holds no Python files, so that nothing of the workspace is imported by accident. */
  constructor(
    readonly python: string, readonly path: string, cwd: string, private readonly say: Say,
    private readonly onParcel: (parcel: Parcel) => void, private readonly onEnd: (trouble: Trouble) => void,
  ) {
    this.process = spawn(python, ['-m', 'tapescope', 'stream', path], { cwd, stdio: ['pipe', 'pipe', 'pipe'], windowsHide: true });
    this.process.stdout!.on('data', (piece: Buffer) => this.hear(piece));
    this.process.stderr!.on('data', (piece: Buffer) => { this.stderr = (this.stderr + piece.toString('utf8')).slice(-TAIL); });
    this.process.stdin!.on('error', () => {});           // its end is said by 'close'
    this.process.on('error', error => this.end(whyItEnded(python, path, null, null, '', error, say)));
    this.process.on('close', (code, signal) => {
      const end = (version = '') => this.end(whyItEnded(python, path, code, signal, this.stderr, null, say, version));
      if (lacksStream(this.stderr) && !this.over) execFile(python, ['-c', VERSION], { cwd, timeout: 5000, windowsHide: true }, (_, out) => end(out.trim()));
      else end();
    });
  }

  get pid(): number | undefined {
    return this.process.pid;
  }

  send(message: object): void {
    if (!this.over) this.process.stdin!.write(encode(message));
  }

  /** Closing its input ends it. */
  dispose(): void {
    if (this.over) return;
    this.over = true;
    this.process.stdin!.end();
    const late = setTimeout(() => this.process.kill('SIGKILL'), 2000);
    this.process.on('close', () => clearTimeout(late));
  }

  private hear(piece: Uint8Array): void {
    if (this.over) return;
    try {
      for (const parcel of this.decoder.push(piece)) {
        if (parcel.message.type === 'attached') {
          const trouble = tooOld(this.python, parcel.message.version, this.say);
          if (trouble) return this.end(trouble);
        }
        this.onParcel(parcel);
      }
    } catch (error) {
      if (!(error instanceof FramingError)) throw error;
      this.end({ title: this.say('What {0} says cannot be read: {1}', this.python, error.message), action: 'python' });
    }
  }

  private end(trouble: Trouble): void {
    if (this.over) return;
    this.over = true;
    this.process.kill();
    this.onEnd(trouble);
  }
}
