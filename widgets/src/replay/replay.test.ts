import { describe, expect, it } from 'vitest';
import type { Frame } from '../wire/frame';
import { encodeFrame } from '../wire/encode';
import { ReplayHost } from './host';
import { framesOf, Packed, unpack, type Index } from './packed';

/** As `views/packed.py` does it: headers, then the bytes of each column sorted by significance. */
function part(frames: Frame[]): Uint8Array {
  const headers: object[] = [], columns: Uint8Array[] = [];
  for (const frame of frames) {
    const [header, buffers] = encodeFrame(frame, { seq: 0, request: '', recording: '' });
    headers.push({ kind: frame.kind, meta: frame.meta, columns: header.columns });
    buffers.forEach((view, c) => {
      const bytes = new Uint8Array(view.buffer), n = header.columns![c]![2], size = n ? bytes.length / n : 0, out = new Uint8Array(bytes.length);
      for (let i = 0; i < n; i++) for (let b = 0; b < size; b++) out[b * n + i] = bytes[i * size + b]!;
      columns.push(out);
    });
  }
  const text = new TextEncoder().encode(JSON.stringify(headers));
  const size = new Uint8Array(Uint32Array.of(text.length).buffer);
  return Uint8Array.from([size, text, ...columns].flatMap(a => [...a]));
}

const gradients = (step: number): Frame => ({ kind: 'gradients', meta: { graph: 0, step }, columns: { node: Int32Array.of(0, 1), norm: Float32Array.of(step, NaN), nonfinite: Uint8Array.of(0, 1) } });
const findings: Frame = { kind: 'findings', meta: { findings: [{ id: 'a' }, { id: 'b' }] }, columns: {} };
const scalars: Frame = { kind: 'scalars', meta: {}, columns: { tag: Uint32Array.of(1), step: Int32Array.of(3), time: Float64Array.of(0.5), value: Float64Array.of(1 / 3) } };
const tensor = (key: string): Frame => ({ kind: 'tensor', meta: { key, step: 1 }, columns: { values: new Float32Array(0) } });

const PARTS: [string, string, Frame[]][] = [
  ['gradients', '', [0, 10, 20].map(gradients)], ['findings', '', [findings]], ['scalars', '', [scalars]], ['tensor', 'weight/a', [tensor('weight/a')]], ['tensor', 'weight/b', [tensor('weight/b')]],
];
const index = (): Index => ({
  format: 1, version: '0.1.0', notes: [], strings: ['', 'loss'], keys: ['weight/a', 'weight/b'], parts: PARTS.map(([kind, id]) => ({ kind, id })),
  recording: { id: 'r1', name: 'run', state: 'stopped', step: 20, capabilities: {} },
});
async function deflate(data: Uint8Array | string): Promise<Uint8Array> {
  const stream = new Blob([data as BlobPart]).stream().pipeThrough(new CompressionStream('deflate'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function talk(...messages: object[]): Promise<any[]> {
  const parts = await Promise.all(PARTS.map(([, , frames]) => deflate(part(frames))));
  const host = new ReplayHost(new Packed(index(), i => parts[i]!)), heard: any[] = [];
  host.listen(message => {
    heard.push(message);
    if (message.type === 'frame') host.send({ type: 'ack', seq: message.seq });
  });
  for (const message of messages) {
    host.send(message);
    await new Promise(done => setTimeout(done, 20));
  }
  return heard;
}

describe('a packed recording', () => {
  it('gives back frames bit for bit', () => {
    const frames = [gradients(7), scalars, findings];
    expect(framesOf(part(frames))).toEqual(frames);
  });

  it('can be one piece of memory at any offset', async () => {
    const parts = await Promise.all(PARTS.map(([, , frames]) => deflate(part(frames))));
    const head = await deflate(JSON.stringify({ ...index(), sizes: parts.map(p => p.length) }));
    const bytes = Uint8Array.from([0, 0, 0, ...new Uint8Array(Uint32Array.of(head.length).buffer), ...head, ...parts.flatMap(p => [...p])]).subarray(3);
    const found = await unpack(bytes);
    expect(found.index.strings).toEqual(['', 'loss']);
    expect(await found.frames(0)).toEqual(PARTS[0]![2]);
  });

  it('of a newer format is refused in words', () => {
    expect(() => new Packed({ ...index(), format: 2, version: '9.0' }, () => new Uint8Array())).toThrow('newer Tapescope (9.0)');
  });

  it('answers as a kernel does', async () => {
    const [attached, first, second] = await talk({ type: 'attach', request: 'a' }, { type: 'subscribe', request: 's', kind: 'scalars', recording: 'latest' },
      { type: 'subscribe', request: 'g', kind: 'gradients', recording: 'latest' });
    expect(attached).toMatchObject({ type: 'attached', request: 'a', protocol: 1, replay: true, recordings: [{ id: 'r1' }] });
    expect(first).toMatchObject({ type: 'frame', kind: 'scalars', recording: 'r1', request: 's', strings: [0, ['', 'loss']] });
    expect(second).toMatchObject({ kind: 'gradients', meta: { step: 20 } });
    expect(second.strings).toBeUndefined();
  });

  it('knows the nearest step to one that was thinned', async () => {
    const steps = async (at: number) => (await talk({ type: 'query', request: 'q', kind: 'gradients', steps: [at, at] })).map(m => m.meta?.step ?? m.type);
    expect(await steps(10)).toEqual([10, 'reply']);
    expect(await steps(19)).toEqual([10, 'reply']);
    expect(await steps(99)).toEqual([20, 'reply']);
  });

  it('gives one key where one is asked for, and nothing of what it does not have', async () => {
    const heard = await talk({ type: 'query', request: 'q', kind: 'tensor', id: 'weight/b' }, { type: 'query', request: 'm', kind: 'clocks' });
    expect(heard.map(m => m.meta?.key ?? m.request)).toEqual(['weight/b', 'q', 'm']);
  });

  it('mutes findings and refuses what needs the program', async () => {
    const heard = await talk({ type: 'subscribe', request: 'f', kind: 'findings' }, { type: 'command', request: '1', verb: 'findings.mute', args: { id: 'a' } },
      { type: 'command', request: '2', verb: 'probe.set', args: { key: 'weight/b' } }, { type: 'command', request: '3', verb: 'probe.set', args: { key: 'weight/c' } },
      { type: 'command', request: '4', verb: 'debug.step', args: {} });
    expect(heard.filter(m => m.kind === 'findings').map(m => m.meta.findings.length)).toEqual([2, 1]);
    expect(heard.filter(m => m.type === 'reply').map(m => m.error ?? 'ok')).toEqual(
      ['ok', 'ok', 'probe.set: weight/c was not copied while this was recorded', 'debug.step: this is a saved recording, and its program is not here']);
  });

  it('waits for a page that does not draw', async () => {
    const data = await deflate(part(Array(20).fill(scalars)));
    const host = new ReplayHost(new Packed({ ...index(), parts: [{ kind: 'scalars', id: '' }] }, () => data)), heard: any[] = [];
    host.listen(m => heard.push(m));
    host.send({ type: 'subscribe', request: 's', kind: 'scalars' });
    await new Promise(done => setTimeout(done, 30));
    expect(heard.length).toBe(8);
    for (const m of heard.slice()) host.send({ type: 'ack', seq: m.seq });
    await new Promise(done => setTimeout(done, 30));
    expect(heard.length).toBe(16);
  });
});
