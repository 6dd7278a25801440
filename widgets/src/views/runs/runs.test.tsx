// @vitest-environment happy-dom
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { speak } from '../../chrome';
import type { Host } from '../../store/types';
import { es } from '../../words/es';
import { ageOf, runs, sorted, type Listing } from '.';

const run = (name: string, more: Partial<Listing['runs'][number]> = {}): Listing['runs'][number] => ({ name, state: 'stopped', step: 10, began: 1000, error: '', id: null, params: {}, metrics: {}, ...more });
const RUNS = [
  run('a', { params: { lr: 0.1 }, metrics: { loss: 0.5 } }), run('b', { params: { lr: 0.01 }, metrics: { loss: null }, state: 'recording', step: 12 }),
  run('c', { params: { lr: 0.001 }, metrics: {} }), run('new', { state: 'unreadable', error: 'install tapescope>=2.3.0' }),
];

class FakeKernel implements Host {
  asked: any[] = [];
  shown: string[] = [];
  options = {};
  private handlers = new Set<(message: any, buffers: DataView[]) => void>();
  private open: string[] = [];

  listen(handler: (message: any, buffers: DataView[]) => void) { this.handlers.add(handler); return () => this.handlers.delete(handler); }
  showRecording(id: string) { this.shown.push(id); }
  send(m: any) { setTimeout(() => this.answer(m)); }
  private say(message: any) { for (const h of [...this.handlers]) h(message, []); }
  private recordings() { return this.open.map(id => ({ id, name: id, state: 'stopped', step: 1, capabilities: {} })); }

  private answer(m: any) {
    if (m.type === 'attach') return this.say({ type: 'attached', request: m.request, protocol: 1, kernel: 'k1', version: '0', recordings: this.recordings() });
    if (m.type !== 'command') return;
    this.asked.push([m.verb, m.args]);
    const reply = (result: any) => this.say({ type: 'reply', request: m.request, ...(result instanceof Error ? { ok: false, error: result.message } : { ok: true, result }) });
    if (m.verb === 'runs.list') {
      if (m.args.where === 'lr <') return reply(new Error("'lr <' is no expression"));
      const found = m.args.where ? RUNS.slice(0, 1) : RUNS;
      return reply({ folder: m.args.path, total: 4, shown: found.length, params: ['lr'], metrics: ['loss'], runs: m.args.path === 'empty' ? [] : found.map(r => ({ ...r, id: this.open.includes(`r-${r.name}`) ? `r-${r.name}` : null })) });
    }
    reply({ id: `r-${m.args.name}`, name: m.args.name });                // the list of recordings comes after the answer
    this.open.push(`r-${m.args.name}`);
    setTimeout(() => this.say({ type: 'recordings', recordings: this.recordings() }), 20);
  }
}

let el: HTMLElement, host: FakeKernel, stop = () => {};
const wait = (ms = 60) => act(() => new Promise<void>(done => setTimeout(done, ms)));
const names = () => [...el.querySelectorAll('tbody tr td:first-child')].map(td => td.textContent!.trim());
const type = async (label: string, text: string) => {
  const input = el.querySelector<HTMLInputElement>(`input[aria-label="${label}"]`)!;
  await act(() => { input.value = text; input.dispatchEvent(new Event('change', { bubbles: true })); });
  await wait(30);
  await wait(30);
};

beforeEach(async () => {
  delete (globalThis as any)[Symbol.for('tapescope.hub.1')];
  el = document.createElement('div');
  document.body.append(el);
  host = new FakeKernel();
  await act(() => { stop = runs(el, host); });
  for (let i = 0; i < 3; i++) await wait(30);           // attached, asked, answered: effects run at the end of each
});
afterEach(async () => { await act(() => stop()); el.remove(); speak('en', {}); });

it('lists what the kernel finds, the newest first, and says what cannot be read', () => {
  expect(host.asked[0]).toEqual(['runs.list', { path: 'runs', where: '' }]);
  expect(names()).toEqual(['new', 'c', 'b', 'a']);
  expect(el.querySelector('tbody tr')!.textContent).toContain('install tapescope>=2.3.0');
  expect(el.querySelectorAll('.ts-dot[data-on]').length).toBe(1);
  expect(el.textContent).toContain('4 runs');
  expect([...el.querySelectorAll('tbody tr')].map(tr => tr.lastElementChild!.textContent)).toEqual(['install tapescope>=2.3.0', '–', 'nan', '0.5']);
});

it('sorts by a column; what lacks it stays last', async () => {
  const head = () => [...el.querySelectorAll('th button')].find(b => b.textContent!.startsWith('lr')) as HTMLElement;
  await act(() => head().click());
  expect(names()).toEqual(['c', 'b', 'a', 'new']);
  await act(() => head().click());
  expect(names()).toEqual(['a', 'b', 'c', 'new']);
  await act(() => head().click());
  expect(names()).toEqual(['new', 'c', 'b', 'a']);
  expect(sorted(RUNS, { by: 'lr', down: false }).map(r => r.name)).toEqual(['c', 'b', 'a', 'new']);
  expect(sorted(RUNS, { by: 'loss', down: true }).map(r => r.name)[0]).toBe('a');
});

it('filters by an expression, and says what is wrong with one', async () => {
  await type('Filter runs by an expression', 'lr > 0.05');
  expect(host.asked.at(-1)).toEqual(['runs.list', { path: 'runs', where: 'lr > 0.05' }]);
  expect(names()).toEqual(['a']);
  expect(el.textContent).toContain('1 of 4 runs');
  await type('Filter runs by an expression', 'lr <');
  expect(el.querySelector('[role=alert]')!.textContent).toContain("'lr <' is no expression");
});

it('opens a run, and shows it when the page knows it', async () => {
  await act(() => [...el.querySelectorAll<HTMLElement>('.ts-runlist-open')].find(b => b.textContent === 'b')!.click());
  await wait(5);
  expect(host.shown).toEqual([]);
  await wait(80);
  expect(host.asked.find(([verb]) => verb === 'runs.open')).toEqual(['runs.open', { path: 'runs', name: 'b' }]);
  expect(host.shown).toEqual(['r-b']);
});

it('follows another folder and another language', async () => {
  await type('Folder', 'empty');
  expect(host.asked.at(-1)).toEqual(['runs.list', { path: 'empty', where: '' }]);
  await act(() => speak('es', es));
  await wait();
  expect(el.textContent).toContain('4 ejecuciones');
});

it('tells ages in one unit', () => {
  expect([3, 70, 7300, 200_000, -5].map(ageOf)).toEqual(['3 s', '1 min', '2 h', '2 d', '0 s']);
});
