/** What the extension host itself asks of a stream, beside the page: findings for Problems, and commands of the palette. A client of its own on the same pipe. */

import { problemOf, say, type Said } from '@tapescope/widgets/chrome/words';
import type { Message, Parcel } from './framing';

export interface Finding { id: string; rule: string; severity: string; title: string; cause: string; fix: string; source: [string, number, string] | null; said?: Partial<Record<'title' | 'cause' | 'fix', Said>> }
/** How the process that records stands: not to be controlled from here, running, or paused. */
export type Standing = 'none' | 'running' | 'paused';

export const CLIENT = 'vscode-host';

export class Control {
  findings: Finding[] = [];
  standing: Standing = 'none';
  recording = '';
  private next = 0;
  private readonly pending = new Map<string, { resolve: (result: any) => void; reject: (error: Error) => void }>();

  constructor(private readonly send: (message: object) => void, private readonly changed: (what: 'findings' | 'standing', lost?: string) => void) {}

  /** Before the page says it: a message that names no client belongs to whoever attached last. */
  attach(): void {
    this.send({ type: 'attach', protocol: 1, client: CLIENT, request: 'host-attach' });
    this.send({ type: 'subscribe', client: CLIENT, request: 'host-findings', recording: 'latest', kind: 'findings' });
  }

  command(verb: string, args: object = {}, recording = this.recording || 'latest'): Promise<any> {
    const request = `host-${++this.next}`;
    return new Promise((resolve, reject) => {
      this.pending.set(request, { resolve, reject });
      this.send({ type: 'command', client: CLIENT, request, recording, verb, args });
    });
  }

  /** Takes in what is ours; true when the page need not see it. */
  receive({ message }: Parcel): boolean {
    if (message.type === 'control') {
      const paused = this.standing === 'paused';
      this.standing = message.state === 'paused' ? 'paused' : message.state === 'running' ? 'running' : 'none';
      this.recording = String(message.recording ?? '');
      // One that ends by itself is no news; one that waited for us has died.
      this.changed('standing', paused && this.standing === 'none' ? say(message.said ?? message.reason ?? '') : undefined);
      return true;
    }
    if (!String(message.request ?? '').startsWith('host-')) return false;
    if (message.type === 'frame') {
      this.send({ type: 'ack', client: CLIENT, seq: message.seq });
      this.findings = (Array.isArray(message.meta?.findings) ? message.meta.findings : []).filter(isFinding);
      this.changed('findings');
    } else if (message.type === 'reply') {
      const waiting = this.pending.get(message.request);
      this.pending.delete(message.request);
      if (message.ok) waiting?.resolve(message.result);
      else waiting?.reject(new Error(problemOf({ message: String(message.error), said: message.said })));
    }
    return true;
  }

  /** The stream has ended. */
  end(reason: string): void {
    for (const { reject } of this.pending.values()) reject(new Error(reason));
    this.pending.clear();
    this.findings = [];
    this.standing = 'none';
    this.changed('findings');
    this.changed('standing');
  }
}

function isFinding(value: unknown): value is Finding {
  const f = value as Message | null;
  return typeof f === 'object' && f !== null && ['id', 'rule', 'severity', 'title', 'cause'].every(name => typeof f[name] === 'string');
}
