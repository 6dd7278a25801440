/** Colours and type: tokens from whoever hosts us, then literals. One hue forward, one backward, one kept for trouble. */

import { CSS } from './chrome/css';

export type Mode = 'light' | 'dark' | 'contrast';

/** Token values for canvases, as #rrggbb. */
export interface Theme {
  mode: Mode;
  dark: boolean;
  bg: string; panel: string; inset: string; line: string;
  fg: string; muted: string; faint: string;
  forward: string; forwardSoft: string; backward: string; backwardSoft: string; trouble: string; troubleSoft: string;
  font: string; mono: string;
  /** Lines of a chart: told apart by lightness too, and never the colour of trouble. */
  series: readonly string[];
}

const SERIES = {
  light: ['#2b67ad', '#9a5b00', '#1f8a70', '#7a52a8', '#5c7080', '#0c93b8', '#7d7a00', '#b0568f'],
  dark: ['#7fb0f0', '#e3b15f', '#5fc9a8', '#bd9be8', '#a3b4c2', '#5fcbe6', '#c9c65a', '#e39acb'],
};

export const LITERAL: Record<'light' | 'dark', Record<string, string>> = {
  light: { bg: '#ffffff', panel: '#f7f8fa', inset: '#eef0f3', line: '#dfe3e8', fg: '#1c2430', muted: '#566170', faint: '#7b8695',
    forward: '#2b67ad', 'forward-soft': '#e4edf8', backward: '#9a5b00', 'backward-soft': '#f7ecdb', trouble: '#c02942', 'trouble-soft': '#fbe6e9' },
  dark: { bg: '#15181d', panel: '#1b1f25', inset: '#23282f', line: '#333942', fg: '#e4e8ee', muted: '#a2acb8', faint: '#7d8793',
    forward: '#7fb0f0', 'forward-soft': '#22354d', backward: '#e3b15f', 'backward-soft': '#42341b', trouble: '#ff7d8e', 'trouble-soft': '#4c2129' },
};

/** The rules that turn host variables into our tokens; every rule elsewhere uses `--ts-*` only. */
export const TOKENS = `
.ts-view {
  --ts-bg: var(--jp-layout-color1, var(--vscode-editor-background, var(--colab-primary-surface-color, ${LITERAL.light.bg})));
  --ts-fg: var(--jp-content-font-color1, var(--vscode-editor-foreground, var(--colab-primary-text-color, ${LITERAL.light.fg})));
  --ts-panel: color-mix(in srgb, var(--ts-fg) 3%, var(--ts-bg));
  --ts-inset: color-mix(in srgb, var(--ts-fg) 7%, var(--ts-bg));
  --ts-line: color-mix(in srgb, var(--ts-fg) 14%, var(--ts-bg));
  --ts-muted: color-mix(in srgb, var(--ts-fg) 76%, var(--ts-bg));
  --ts-faint: color-mix(in srgb, var(--ts-fg) 66%, var(--ts-bg));
  --ts-forward: ${LITERAL.light.forward}; --ts-backward: ${LITERAL.light.backward}; --ts-trouble: ${LITERAL.light.trouble};
  --ts-soft: 12%;
  --ts-forward-soft: color-mix(in srgb, var(--ts-forward) var(--ts-soft), var(--ts-bg));
  --ts-backward-soft: color-mix(in srgb, var(--ts-backward) var(--ts-soft), var(--ts-bg));
  --ts-trouble-soft: color-mix(in srgb, var(--ts-trouble) var(--ts-soft), var(--ts-bg));
  --ts-focus: var(--ts-forward);
  --ts-font: var(--jp-ui-font-family, var(--vscode-font-family, system-ui, -apple-system, 'Segoe UI', sans-serif));
  --ts-mono: var(--jp-code-font-family, var(--vscode-editor-font-family, ui-monospace, 'SF Mono', Menlo, Consolas, monospace));
  --ts-shadow: 0 1px 2px rgb(15 23 42 / 8%), 0 6px 20px rgb(15 23 42 / 10%);
  color-scheme: light;
}
.ts-view[data-ts-theme='dark'] {
  --ts-bg: var(--jp-layout-color1, var(--vscode-editor-background, var(--colab-primary-surface-color, ${LITERAL.dark.bg})));
  --ts-fg: var(--jp-content-font-color1, var(--vscode-editor-foreground, var(--colab-primary-text-color, ${LITERAL.dark.fg})));
  --ts-forward: ${LITERAL.dark.forward}; --ts-backward: ${LITERAL.dark.backward}; --ts-trouble: ${LITERAL.dark.trouble};
  --ts-soft: 20%;
  --ts-shadow: 0 1px 2px rgb(0 0 0 / 40%), 0 8px 24px rgb(0 0 0 / 45%);
  color-scheme: dark;
}
.ts-view[data-ts-own] { --ts-bg: ${LITERAL.light.bg}; --ts-fg: ${LITERAL.light.fg}; }
.ts-view[data-ts-own][data-ts-theme='dark'] { --ts-bg: ${LITERAL.dark.bg}; --ts-fg: ${LITERAL.dark.fg}; }
.ts-view[data-ts-theme='contrast'] {
  --ts-panel: var(--ts-bg); --ts-inset: var(--ts-bg); --ts-line: var(--ts-fg); --ts-muted: var(--ts-fg); --ts-faint: var(--ts-fg); --ts-shadow: none;
}
.ts-view[data-ts-theme='contrast'][data-ts-dark] {
  --ts-bg: var(--jp-layout-color1, var(--vscode-editor-background, #000)); --ts-fg: var(--jp-content-font-color1, var(--vscode-editor-foreground, #fff));
  --ts-forward: #8ec5ff; --ts-backward: #ffd27a; --ts-trouble: #ff8fa0; --ts-soft: 25%; color-scheme: dark;
}`;

const themes = new WeakMap<HTMLElement, Theme>();
const watched = new Set<{ el: HTMLElement; wish: string; listeners: Set<(theme: Theme) => void> }>();
let observers: (() => void)[] = [];

/**
 * Makes `el` a view's root: our rules in its document or shadow root, tokens on it, and the host's shortcuts kept out of it.
 * `wish` is "light", "dark" or "contrast"; anything else follows the page. Returns what undoes it.
 */
export function dress(el: HTMLElement, wish: unknown = 'auto'): () => void {
  addStyle(el, 'tapescope-style-1', TOKENS + CSS);
  el.classList.add('ts-view');
  el.setAttribute('data-lm-suppress-shortcuts', 'true');   // Lumino would run notebook commands on n, s, o, c, b
  const entry = { el, wish: String(wish), listeners: new Set<(theme: Theme) => void>() };
  watched.add(entry);
  if (observers.length === 0) observers = observe(el.ownerDocument);
  refresh(entry);
  return () => {
    watched.delete(entry);
    if (watched.size === 0) { for (const off of observers) off(); observers = []; }
  };
}

/** The theme that holds where `el` is; `el` or one of its ancestors must be dressed. */
export function readTheme(el: HTMLElement): Theme {
  const root = rootOf(el);
  let theme = root && themes.get(root);
  if (!theme) theme = measure(root ?? el);
  return theme;
}

/** Runs `fn` whenever the theme around `el` changes. */
export function onTheme(el: HTMLElement, fn: (theme: Theme) => void): () => void {
  const root = rootOf(el);
  const entry = [...watched].find(one => one.el === root);
  entry?.listeners.add(fn);
  return () => entry?.listeners.delete(fn);
}

const rootOf = (el: HTMLElement) => el.closest<HTMLElement>('.ts-view');

/** Puts a style sheet once into the document or shadow root that `el` lives in. */
export function addStyle(el: Node, id: string, css: string): void {
  const root = el.getRootNode();
  const place = root.nodeType === 11 ? (root as ShadowRoot) : el.ownerDocument!.head;
  if ([...place.children].some(child => child.id === id)) return;
  const style = el.ownerDocument!.createElement('style');
  style.id = id;
  style.textContent = css;
  place.appendChild(style);
}

function observe(doc: Document): (() => void)[] {
  const all = () => { for (const entry of watched) refresh(entry); };
  const offs: (() => void)[] = [];
  const observer = new MutationObserver(() => setTimeout(all));   // JupyterLab sets the attribute before the style sheet has loaded
  const attributes = { attributes: true, attributeFilter: ['class', 'data-jp-theme-light', 'data-jp-theme-name', 'data-vscode-theme-kind', 'theme'] };
  observer.observe(doc.body, attributes);
  observer.observe(doc.documentElement, attributes);
  offs.push(() => observer.disconnect());
  for (const query of ['(prefers-color-scheme: dark)', '(prefers-contrast: more)', '(forced-colors: active)']) {
    const media = doc.defaultView?.matchMedia?.(query);
    media?.addEventListener?.('change', all);
    offs.push(() => media?.removeEventListener?.('change', all));
  }
  return offs;
}

function refresh(entry: { el: HTMLElement; wish: string; listeners: Set<(theme: Theme) => void> }): void {
  const { el, wish } = entry;
  const { mode, dark } = modeOf(el, wish);
  el.dataset.tsTheme = mode;
  el.toggleAttribute('data-ts-own', mode !== 'contrast' && dark !== modeOf(el, 'auto').dark);      // the page's colours are not for it
  el.toggleAttribute('data-ts-dark', dark);
  const before = themes.get(el);
  const theme = measure(el);
  themes.set(el, theme);
  if (before && JSON.stringify(before) !== JSON.stringify(theme)) for (const fn of [...entry.listeners]) fn(theme);
}

function modeOf(el: HTMLElement, wish: string): { mode: Mode; dark: boolean } {
  const doc = el.ownerDocument, view = doc.defaultView;
  const is = (query: string) => Boolean(view?.matchMedia?.(query).matches);
  const kind = `${doc.body.dataset.vscodeThemeKind ?? ''} ${doc.body.className}`;
  const host = view?.getComputedStyle(el);
  const background = ['--jp-layout-color1', '--vscode-editor-background', '--colab-primary-surface-color']
    .map(name => host?.getPropertyValue(name).trim()).find(Boolean);
  let dark: boolean;
  if (wish === 'dark' || wish === 'light') dark = wish === 'dark';
  else if (doc.body.dataset.jpThemeLight) dark = doc.body.dataset.jpThemeLight === 'false';
  else if (background && parse(background)) dark = luminance(parse(background)!) < 0.4;
  else dark = is('(prefers-color-scheme: dark)');
  const contrast = wish === 'contrast' || (wish !== 'dark' && wish !== 'light'
    && (/high-contrast/.test(kind) || /high contrast/i.test(doc.body.dataset.jpThemeName ?? '') || is('(prefers-contrast: more)') || is('(forced-colors: active)')));
  return { mode: contrast ? 'contrast' : dark ? 'dark' : 'light', dark };
}

function measure(el: HTMLElement): Theme {
  const mode = (el.dataset.tsTheme as Mode) ?? 'light';
  const dark = mode === 'dark' || el.hasAttribute('data-ts-dark');
  const view = el.ownerDocument.defaultView!;
  const probe = el.ownerDocument.createElement('span');
  probe.style.display = 'none';
  el.appendChild(probe);
  const style = view.getComputedStyle(probe);
  const literal = LITERAL[dark ? 'dark' : 'light'];
  let under: RGB = parse(literal.bg!)!;
  const color = (name: string): string => {
    probe.style.color = `var(--ts-${name})`;
    const [r, g, b, a] = parse(style.color) ?? parse(literal[name]!)!;
    const mixed: RGB = [mix(r, under[0], a), mix(g, under[1], a), mix(b, under[2], a), 1];
    if (name === 'bg') under = mixed;
    return hex(mixed);
  };
  const theme: Theme = {
    mode, dark, bg: color('bg'), panel: color('panel'), inset: color('inset'), line: color('line'), fg: color('fg'), muted: color('muted'), faint: color('faint'),
    forward: color('forward'), forwardSoft: color('forward-soft'), backward: color('backward'), backwardSoft: color('backward-soft'),
    trouble: color('trouble'), troubleSoft: color('trouble-soft'),
    font: style.getPropertyValue('--ts-font').trim() || 'system-ui, sans-serif', mono: style.getPropertyValue('--ts-mono').trim() || 'ui-monospace, monospace',
    series: SERIES[dark ? 'dark' : 'light'],
  };
  probe.remove();
  return theme;
}

type RGB = [number, number, number, number];

const mix = (over: number, under: number, alpha: number) => over * alpha + under * (1 - alpha);
const hex = ([r, g, b]: RGB) => '#' + [r, g, b].map(v => Math.round(Math.min(255, Math.max(0, v))).toString(16).padStart(2, '0')).join('');

/** Reads #rgb, #rrggbb, rgb(), rgba() and color(srgb ...), which is how browsers write a computed colour. */
export function parse(text: string): RGB | null {
  const s = text.trim();
  let m = /^#([0-9a-f]{3,8})$/i.exec(s);
  if (m) {
    const h = m[1]!;
    const parts = h.length < 6 ? [...h].map(c => c + c) : h.match(/../g)!;
    const [r = 0, g = 0, b = 0, a = 255] = parts.map(p => parseInt(p, 16));
    return [r, g, b, a / 255];
  }
  m = /^rgba?\(([^)]+)\)$/.exec(s);
  const scale = m ? 1 : 255;
  m ??= /^color\(srgb ([^)]+)\)$/.exec(s);
  if (!m) return s === 'white' ? [255, 255, 255, 1] : s === 'black' ? [0, 0, 0, 1] : null;
  const [r = 0, g = 0, b = 0, a = 1] = m[1]!.split(/[\s,/]+/).filter(Boolean).map(p => (p.endsWith('%') ? parseFloat(p) / 100 : parseFloat(p)));
  return [r * scale, g * scale, b * scale, a];
}

/** Relative luminance, WCAG 2. */
export function luminance([r, g, b]: readonly number[]): number {
  const f = (v: number) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  return 0.2126 * f(r!) + 0.7152 * f(g!) + 0.0722 * f(b!);
}
