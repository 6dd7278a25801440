import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { CLIENT, Control } from './control';
import { escape, page, troublePage } from './html';
import { PanelHost } from './page/host';

const parcel = (message: any, payload = new Uint8Array(0), sizes: number[] = []) => ({ message, payload, sizes });
const finding = { id: 'a', rule: 'non-finite', severity: 'error', title: 't', cause: 'c', fix: 'f', source: ['train.py', 3, ''] };

it('the host takes what it has asked for, acknowledges it, and passes on the rest', () => {
  const sent: any[] = [], told: string[] = [];
  const control = new Control(m => sent.push(m), what => told.push(what));
  control.attach();
  expect(sent.map(m => [m.type, m.client])).toEqual([['attach', CLIENT], ['subscribe', CLIENT]]);
  expect(control.receive(parcel({ type: 'frame', request: 's-page-1', kind: 'graph' }))).toBe(false);
  expect(control.receive(parcel({ type: 'frame', request: 'host-findings', seq: 4, meta: { findings: [finding, { id: 3 }, null] } }))).toBe(true);
  expect(control.findings).toEqual([finding]);
  expect(sent.at(-1)).toEqual({ type: 'ack', client: CLIENT, seq: 4 });
  expect(told).toEqual(['findings']);
});

it('a command is answered, refused, or told that its process has gone', async () => {
  const sent: any[] = [], control = new Control(m => sent.push(m), () => {});
  control.receive(parcel({ type: 'control', state: 'running', recording: 'r3' }));
  const [good, bad, lost] = ['control.pause', 'control.step', 'control.continue'].map(verb => control.command(verb));
  expect(sent.map(m => [m.verb, m.recording])).toEqual([['control.pause', 'r3'], ['control.step', 'r3'], ['control.continue', 'r3']]);
  control.receive(parcel({ type: 'reply', request: sent[0].request, ok: true, result: { step: 7 } }));
  control.receive(parcel({ type: 'reply', request: sent[1].request, ok: false, error: 'it is not paused' }));
  control.end('the process was ended');
  await expect(good).resolves.toEqual({ step: 7 });
  await expect(bad).rejects.toThrow('it is not paused');
  await expect(lost).rejects.toThrow('the process was ended');
  expect(control.standing).toBe('none');
});

it('a process that dies while it waits is news, one that ends is not', () => {
  const told: unknown[] = [], control = new Control(() => {}, (what, lost) => told.push([what, lost]));
  for (const state of ['running', 'none', 'paused']) control.receive(parcel({ type: 'control', state, recording: 'r1', reason: 'ended' }));
  control.receive(parcel({ type: 'control', state: 'none', recording: 'r1', reason: 'the process that records run has ended' }));
  expect(told).toEqual([['standing', undefined], ['standing', undefined], ['standing', undefined], ['standing', 'the process that records run has ended']]);
});

it('the page gets buffers that lie in the payload, and hears when its way is cut', () => {
  const sent: unknown[] = [], heard: any[] = [], host = new PanelHost({ postMessage: m => sent.push(m) });
  const off = host.listen((message, buffers) => heard.push([message.type, buffers.map(b => b.byteLength), buffers[1]!.getFloat32(0, true)]));
  host.whenCut(reason => heard.push(reason));
  const payload = new Uint8Array([9, ...new Uint8Array(new Float32Array([2.5]).buffer)]);
  host.receive({ kind: 'parcel', parcel: parcel({ type: 'frame' }, payload, [1, 4]) });
  host.receive({ kind: 'cut', reason: 'gone' });
  off();
  host.receive({ kind: 'parcel', parcel: parcel({ type: 'frame' }, payload, [1, 4]) });
  host.send({ type: 'ack', seq: 1 });
  expect(heard).toEqual([['frame', [1, 4], 2.5], 'gone']);
  expect(sent).toEqual([{ kind: 'wire', message: { type: 'ack', seq: 1 } }]);
});

it('paths and errors are text on the page, never markup', () => {
  const evil = '"><script>alert(1)</script>', say = (text: string) => text;
  for (const html of [page('https://x', 'panel.js', 'views.js', 'n0', 'en', evil), troublePage('n0', 'en', evil, { title: evil, detail: evil, line: evil }, say)]) {
    expect(html).not.toContain('<script>alert');
    expect(html).toContain("default-src 'none'");
  }
  expect(escape(`<a b='"&">`)).toBe('&#60;a b=&#39;&#34;&#38;&#34;&#62;');
});

it('every word of the extension and of its manifest has its Spanish', () => {
  const read = (name: string) => JSON.parse(readFileSync(new URL(`../${name}`, import.meta.url), 'utf8')) as Record<string, string>;
  // @ts-expect-error: vitest's own
  const sources = Object.values(import.meta.glob(['./*.ts', '!./*.test.ts'], { query: '?raw', import: 'default', eager: true })).join('\n') as string;
  const said = new Set([...sources.matchAll(/\bsay\('((?:[^'\\]|\\.)*)'/g)].map(m => m[1]!));
  expect(said.size).toBeGreaterThan(25);
  expect(Object.keys(read('l10n/bundle.l10n.es.json')).sort()).toEqual([...said].sort());
  const named = new Set([...JSON.stringify(read('package.json')).matchAll(/"%([\w.]+)%"/g)].map(m => m[1]!));
  for (const table of ['package.nls.json', 'package.nls.es.json']) expect(Object.keys(read(table)).sort()).toEqual([...named].sort());
});
