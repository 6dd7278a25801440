// @vitest-environment happy-dom
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { speak } from '../../chrome';
import type { Host } from '../../store/types';
import { es } from '../../words/es';
import { runs } from '.';
import { ageOf, grouped, sorted, spread, type Listing } from './model';

const run = (name: string, more: Partial<Listing['runs'][number]> = {}): Listing['runs'][number] => ({ name, state: 'stopped', step: 10, began: 1000, error: '', id: null, params: {}, metrics: {}, ...more });
const RUNS = [
  run('a', { params: { lr: 0.1 }, metrics: { loss: 0.5 } }), run('b', { params: { lr: 0.01 }, metrics: { loss: null }, state: 'recording', step: 12 }),
  run('c', { params: { lr: 0.001 }, metrics: {} }), run('new', { state: 'unreadable', error: 'install tapescope>=2.3.0' }),
];

class FakeKernel implements Host {
  asked: any[] = [];
  shown: string[] = [];
  constructor(readonly options: Record<string, unknown> = {}) {}
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
    if (m.verb === 'runs.compare') {
      const groups: [string, number][] = m.args.by.length ? [['lr=0.1', 1], ['lr=0.01', 2]] : RUNS.map(r => [r.name, 1]);
      return m.args.tag === 'loss' ? reply({ tag: 'loss', groups: groups.length + 3, bands: groups.map(([name, runs]) => ({ name, runs, steps: [0, 5, 10], mean: [3, 2, 1], low: [3, 1.5, 0.5], high: [3, 2.5, 1.5] })) }) : reply(new Error('no run has it'));
    }
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

it('leaves what is being typed while it looks again', async () => {
  const input = el.querySelector<HTMLInputElement>('input[type=search]')!;
  await act(() => { input.value = 'lr <'; input.dispatchEvent(new Event('input', { bubbles: true })); });
  await choose('Group', 'lr');
  expect(el.querySelector<HTMLInputElement>('input[type=search]')!.value).toBe('lr <');
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

const choose = async (label: string, value: string) => {
  const select = [...el.querySelectorAll('label')].find(l => l.textContent!.startsWith(label))!.querySelector('select')!;
  await act(() => { select.value = value; select.dispatchEvent(new Event('change', { bubbles: true })); });
  for (let i = 0; i < 3; i++) await wait(30);
};
/** The part that draws comes by itself. */
const drawn = async () => { for (let i = 0; i < 40 && !el.querySelector('figure'); i++) await wait(25); return el.querySelector('figure')!; };

it('groups by a parameter: each group has a row with its number and its means', async () => {
  await choose('Group', 'lr');
  expect([...el.querySelectorAll('.ts-runlist-group th')].map(th => th.textContent)).toEqual(['lr = – 1 run', 'lr = 0.001 1 run', 'lr = 0.01 1 run', 'lr = 0.1 1 run']);
  expect([...el.querySelectorAll('.ts-runlist-group td')].map(td => td.textContent)).toEqual(['–', '–', '–', '0.5']);
  expect(el.querySelectorAll('tbody').length).toBe(4);
  const many = [run('x', { params: { lr: 1, m: 'a' }, metrics: { loss: 1 } }), run('y', { params: { lr: 1, m: 'a' }, metrics: { loss: 3 } }), run('z', { params: { lr: 1, m: 'b' }, metrics: { loss: null } })];
  expect(grouped(many, ['lr', 'm']).map(g => [g.name, g.runs.length])).toEqual([['lr = 1, m = a', 2], ['lr = 1, m = b', 1]]);
  expect(spread(many, 'loss')).toEqual({ mean: 2, low: 1, high: 3 });
  expect(spread(many.slice(2), 'loss')).toBe(null);
});

it('compares a metric: mean and band of every group, as a picture and in words', async () => {
  await choose('Group', 'lr');
  await choose('Compare', 'loss');
  expect(host.asked.find(([verb]) => verb === 'runs.compare')).toEqual(['runs.compare', { path: 'runs', where: '', tag: 'loss', by: ['lr'] }]);
  const figure = await drawn();
  expect(figure.getAttribute('aria-label')).toBe('loss over steps');
  expect([...figure.querySelectorAll('li')].map(li => li.textContent)).toEqual(['lr=0.1 1 1 run', 'lr=0.01 1 (0.5 – 1.5) 2 runs', 'and 3 more']);
  await choose('Compare', '');
  expect(el.querySelector('figure')).toBe(null);
});

it('a cell asks for a part, an order and a comparison; what it has kept stands where no kernel is', async () => {
  await act(() => stop());
  const listing = { folder: 'exp', total: 4, shown: 1, params: ['lr'], metrics: ['loss'], runs: RUNS.slice(0, 1) };
  const options = { path: 'exp', only: ['a', 'b'], sort: { by: 'lr', down: false }, group: ['lr'], metric: 'loss', saved: { listing, compared: { tag: 'loss', groups: 1, bands: [{ name: 'lr=0.1', runs: 1, steps: [0], mean: [7], low: [7], high: [7] }] } } };
  delete (globalThis as any)[Symbol.for('tapescope.hub.1')];
  host = new FakeKernel(options);
  await act(() => { stop = runs(el, host); });
  for (let i = 0; i < 3; i++) await wait(30);
  expect(host.asked[0]).toEqual(['runs.list', { path: 'exp', where: '', only: ['a', 'b'] }]);
  expect(host.asked[1]).toEqual(['runs.compare', { path: 'exp', where: '', only: ['a', 'b'], tag: 'loss', by: ['lr'] }]);
  await act(() => [...el.querySelectorAll('button')].find(b => b.textContent === 'Show all')!.click());
  await wait();
  expect(host.asked.filter(([verb]) => verb === 'runs.list').at(-1)).toEqual(['runs.list', { path: 'exp', where: '' }]);
  await act(() => stop());
  delete (globalThis as any)[Symbol.for('tapescope.hub.1')];
  const silent: Host = { options, listen: () => () => {}, send() { throw new Error('there is no kernel'); } };
  await act(() => { stop = runs(el, silent); });
  for (let i = 0; i < 3; i++) await wait(30);
  expect(names()).toEqual(['a']);
  expect(el.textContent).toContain('as they were when the notebook was saved');
  expect((await drawn()).textContent).toContain('lr=0.1 7');
  expect(el.querySelector('.ts-runlist-open')).toBe(null);
});

it('tells ages in one unit', () => {
  expect([3, 70, 7300, 200_000, -5].map(ageOf)).toEqual(['3 s', '1 min', '2 h', '2 d', '0 s']);
});
