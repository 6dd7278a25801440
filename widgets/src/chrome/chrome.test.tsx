// @vitest-environment happy-dom
import { render } from 'preact';
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Button, Empty, FoldingTabs, Nothing, Select, Slider, Split, Tabs, Toggle, Tree, bytes, makeTip, show, type TreeRow } from '.';
import { dress, LITERAL, luminance, parse, readTheme } from '../theme';

let el: HTMLElement;
beforeEach(() => { el = document.createElement('div'); document.body.append(el); });
afterEach(() => { render(null, el); el.remove(); });

const draw = (node: any) => act(() => render(node, el));
const press = (target: Element, key: string) => act(() => void target.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true })));

describe('controls', () => {
  it('are operable and say what they are', () => {
    const heard: unknown[] = [];
    draw(<div>
      <Button onPress={() => heard.push('press')} label="Step over" pressed={false}>▸</Button>
      <Toggle on={false} onChange={on => heard.push(on)}>log</Toggle>
      <Slider label="smooth" value={0.5} onChange={v => heard.push(v)} format={v => v.toFixed(1)} />
      <Select label="axis" value="step" options={['step', { value: 'time', label: 'wall time' }]} onChange={v => heard.push(v)} />
      <Tabs label="mode" as="radio" value="a" options={['a', 'b']} onChange={v => heard.push(v)} />
    </div>);
    el.querySelector<HTMLElement>('.ts-button')!.click();
    el.querySelector<HTMLElement>('[role=switch]')!.click();
    press(el.querySelector('[role=radiogroup]')!, 'ArrowLeft');
    expect(heard).toEqual(['press', true, 'b']);
    expect(el.querySelector('.ts-button')!.getAttribute('aria-label')).toBe('Step over');
    expect(el.querySelector('[role=switch]')!.getAttribute('aria-checked')).toBe('false');
    expect(el.querySelector('input')!.getAttribute('aria-valuetext')).toBe('0.5');
    expect(el.querySelectorAll('option')[1]!.textContent).toBe('wall time');
    expect([...el.querySelectorAll('[role=radio]')].map(r => (r as HTMLElement).tabIndex)).toEqual([0, -1]);
  });

  it('tabs that do not fit in one row become a list to choose from, and tabs again', () => {
    const heard: string[] = [];
    let width = 200;
    const sized = (name: string, get: (this: HTMLElement) => number) => Object.defineProperty(HTMLElement.prototype, name, { configurable: true, get });
    sized('clientWidth', function () { return this.className === 'ts-folding' ? width : 0; });
    sized('scrollWidth', function () { return this.className === 'ts-tabs' ? this.children.length * 70 : 0; });
    const show = (options: string[]) => draw(<FoldingTabs label="View" value="a" options={options} onChange={v => heard.push(v)} />);
    show(['a', 'b']);
    expect(el.querySelector('[role=tablist]')).not.toBeNull();
    show(['a', 'b', 'c']);
    expect(el.querySelector('[role=tablist]')).toBeNull();
    const list = el.querySelector('select')!;
    list.value = 'c';
    act(() => void list.dispatchEvent(new Event('change', { bubbles: true })));
    expect(heard).toEqual(['c']);
    width = 300;
    show(['a', 'b', 'd']);
    expect(el.querySelectorAll('[role=tab]')).toHaveLength(3);
    for (const name of ['clientWidth', 'scrollWidth']) delete (HTMLElement.prototype as any)[name];
  });

  it('show text from data as text', () => {
    const evil = '<img src=x onerror=alert(1)>';
    draw(<Empty title={evil} code={evil}>{evil}</Empty>);
    expect(el.querySelector('img')).toBeNull();
    expect(el.textContent).toContain(evil);
    const tip = makeTip(el);
    tip.show(evil, 1, 1);
    expect(el.querySelector('img')).toBeNull();
    tip.remove();
  });

  it('explain an empty view', () => {
    draw(<Nothing link={{ state: 'dead', reason: 'The kernel died' }} recorded={false} what="" />);
    expect(el.querySelector('[role=alert]')!.textContent).toContain('The kernel died');
    draw(<Nothing link={{ state: 'live', reason: '' }} recorded={false} what="" />);
    expect(el.textContent).toContain('ts.record()');
  });

  it('move a sash by keys, within bounds', () => {
    const shares: number[] = [];
    draw(<Split label="wider" first="a" second="b" initial={0.1} min={0.08} onChange={v => shares.push(v)} />);
    const sash = el.querySelector('[role=separator]')!;
    press(sash, 'ArrowLeft'); press(sash, 'ArrowLeft'); press(sash, 'ArrowDown');
    expect(shares).toEqual([0.08, 0.08]);
  });
});

describe('tree', () => {
  const rows: TreeRow[] = [{ id: 'a', level: 0, label: 'alpha', open: true }, { id: 'b', level: 1, label: 'beta', open: null }, { id: 'c', level: 0, label: 'gamma', open: false },
    ...Array.from({ length: 5000 }, (_, i): TreeRow => ({ id: `n${i}`, level: 0, label: `leaf ${i}`, open: null }))];

  it('draws what is in sight and moves by keys', () => {
    const heard: string[] = [];
    const at = (selected: string) => draw(<Tree label="modules" rows={rows} selected={selected} onSelect={id => heard.push(id)} onToggle={(id, open) => heard.push(`${id}:${open}`)} />);
    at('b');
    const tree = el.querySelector('[role=tree]')!;
    expect(el.querySelectorAll('[role=treeitem]').length).toBeLessThan(60);
    expect(tree.getAttribute('aria-activedescendant')).toBe(el.querySelector('[aria-selected=true]')!.id);
    press(tree, 'ArrowLeft'); press(tree, 'ArrowDown'); press(tree, 'End'); press(tree, 'g');
    at('a'); press(tree, 'ArrowLeft');
    at('c'); press(tree, 'ArrowRight');
    expect(heard).toEqual(['a', 'c', 'n4999', 'c', 'a:false', 'c:true']);
  });
});

describe('theme', () => {
  it('reads colours as browsers write them', () => {
    expect(parse('#abc')).toEqual([170, 187, 204, 1]);
    expect(parse('rgb(1, 2, 3)')).toEqual([1, 2, 3, 1]);
    expect(parse('rgba(0, 0, 0, 0.87)')).toEqual([0, 0, 0, 0.87]);
    expect(parse('color(srgb 1 0.5 0 / 0.5)')).toEqual([255, 127.5, 0, 0.5]);
    expect(parse('nonsense')).toBeNull();
  });

  it('dresses a root once a document and keeps host shortcuts out', () => {
    const undo = dress(el, 'dark');
    expect(el.dataset.tsTheme).toBe('dark');
    expect(el.getAttribute('data-lm-suppress-shortcuts')).toBe('true');
    const other = document.createElement('div');
    document.body.append(other);
    const undoOther = dress(other);
    expect(document.querySelectorAll('style[id^=tapescope]').length).toBe(1);
    expect(readTheme(el).dark).toBe(true);
    undo(); undoOther(); other.remove();
  });

  it('keeps text readable on its ground (WCAG AA)', () => {
    const ratio = (a: string, b: string) => {
      const [x, y] = [luminance(parse(a)!), luminance(parse(b)!)].sort((p, q) => q - p);
      return (x! + 0.05) / (y! + 0.05);
    };
    for (const t of [LITERAL.light, LITERAL.dark]) {
      for (const ink of ['fg', 'muted', 'forward', 'backward', 'trouble']) expect(ratio(t[ink]!, t.bg!)).toBeGreaterThan(4.5);
      for (const ink of ['forward', 'backward', 'trouble']) expect(ratio(t[ink]!, t[`${ink}-soft`]!)).toBeGreaterThan(4);
    }
  });
});

describe('numbers', () => {
  it('are short and honest', () => {
    expect([0.1234567, 1e-9, 1234567.8, NaN, -Infinity, 0, 12, null].map(v => show(v))).toEqual(['0.1235', '1e-9', '1.23e6', 'nan', '-inf', '0', '12', '–']);
    expect([12, 2048, 3.5 * 2 ** 20].map(bytes)).toEqual(['12 B', '2.0 KiB', '3.5 MiB']);
  });
});
