// @vitest-environment happy-dom
import { act } from 'preact/test-utils';
import { afterEach, expect, it } from 'vitest';
import { speak, t } from '../chrome';
import { DemoHost } from '../testing/demo';
import { metrics } from '../views/metrics';
import { es } from './es';

// @ts-expect-error: vitest's own
const files = import.meta.glob(['../**/*.ts', '../**/*.tsx', '../../../extension/jupyterlab/src/*.ts', '../../../extension/vscode/src/page/*.ts', '!../**/*.test.*', '!../testing/**', '!../words/**', '!../generated/**'], { query: '?raw', import: 'default', eager: true }) as Record<string, string>;
const source = Object.values(files).join('\n');
// @ts-expect-error: vitest's own
const kernel = Object.values(import.meta.glob('../../../kernel_lib/tapescope/{core,debugger,diagnose,link,tape,adapters/torch}/**/*.py', { query: '?raw', import: 'default', eager: true }) as Record<string, string>).join('\n').replace(/"\s*\n\s*"/g, '');

afterEach(() => speak('en', {}));

it('every text given to t() has its Spanish, with the same places for what is given', () => {
  const said = [...source.matchAll(/\bt\('((?:[^'\\]|\\.)*)'/g)].map(m => m[1]!.replaceAll("\\'", "'"));
  expect(said.length).toBeGreaterThan(100);
  expect(said.filter(text => !Object.hasOwn(es, text))).toEqual([]);
  const places = (s: string) => [...new Set(s.match(/\{\d\}/g) ?? [])].sort().join();
  expect(Object.entries(es).filter(([a, b]) => places(a) !== places(b) || !b.trim()).map(([a]) => a)).toEqual([]);
});

it('every sentence that the kernel says has its Spanish', () => {
  const said = [...kernel.matchAll(/\bsay\(\s*"((?:[^"\\]|\\.)*)"/g), ...kernel.matchAll(/\bsay\(\s*"[^"]*" if [^"]* else "([^"]*)"/g)].map(m => m[1]!.replaceAll('\\"', '"'));
  expect(said.length).toBeGreaterThan(150);
  expect([...new Set(said)].filter(text => !Object.hasOwn(es, text))).toEqual([]);
});

it('no Spanish is kept for what nobody says', () => {
  expect(Object.keys(es).filter(text => !source.includes(text) && !source.includes(text.replace(' {0}', '')) && !kernel.includes(text))).toEqual([]);
});

it('words that the table lacks stay, and given things stand where the language wants them', () => {
  speak('es', { 'a {0} b {1}': '{1} y {0}' });
  expect([t('a {0} b {1}', 1, 'x'), t('unknown'), t('constructor')]).toEqual(['x y 1', 'unknown', 'constructor']);
});

it('a view that is shown turns to the page\'s language', async () => {
  delete (globalThis as any)[Symbol.for('tapescope.hub.1')];
  const el = document.createElement('div');
  document.body.append(el);
  let stop = () => {};
  await act(() => { stop = metrics(el, new DemoHost({ steps: 10 })); });
  await act(() => new Promise<void>(resolve => setTimeout(resolve, 400)));
  expect(el.textContent).toContain('Smoothing');
  await act(() => speak('es', es));
  expect(el.textContent).toContain('Suavizado');
  expect(el.querySelector('select')!.textContent).toContain('Reloj');
  await act(() => stop());
});
