/** Small controls: native elements where they exist, so that keyboard and screen reader come free. */

import type { ComponentChildren, CSSProperties } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { t } from './words';

type Children = { children?: ComponentChildren };

export interface ButtonProps extends Children {
  onPress(): void;
  label?: string;                                       // needed when the face is only a sign
  title?: string; disabled?: boolean; pressed?: boolean; quiet?: boolean; primary?: boolean; icon?: boolean;
}

export function Button({ onPress, label, title, disabled, pressed, quiet, primary, icon, children }: ButtonProps) {
  return (
    <button type="button" class="ts-button" aria-label={label && t(label)} title={(title ?? label) && t(title ?? label!)} disabled={disabled} aria-pressed={pressed}
      data-quiet={quiet || undefined} data-primary={primary || undefined} data-icon={icon || undefined} onClick={onPress}>
      {said(children)}
    </button>
  );
}

export function Toggle({ on, onChange, children, title }: Children & { on: boolean; onChange(on: boolean): void; title?: string }) {
  return (
    <button type="button" class="ts-toggle" role="switch" aria-checked={on} title={title && t(title)} onClick={() => onChange(!on)}>
      <i aria-hidden="true" /><span>{said(children)}</span>
    </button>
  );
}

export type Option<T extends string = string> = T | { value: T; label: string };
const valueOf = <T extends string>(o: Option<T>) => (typeof o === 'string' ? o : o.value);
const labelOf = (o: Option) => t(typeof o === 'string' ? o : o.label);
/** Words of ours in the page's language; what is not in its table (data, too) stays as it is. */
const said = (children: ComponentChildren) => (typeof children === 'string' ? t(children) : children);

export function Select<T extends string>({ label, value, options, onChange, hideLabel }: {
  label: string; value: T; options: readonly Option<T>[]; onChange(value: T): void; hideLabel?: boolean;
}) {
  return (
    <label class="ts-field">
      <span class={hideLabel ? 'ts-hidden' : undefined}>{t(label)}</span>
      <select class="ts-select" value={value} onChange={e => onChange((e.currentTarget as HTMLSelectElement).value as T)}>
        {options.map(o => <option key={valueOf(o)} value={valueOf(o)} selected={valueOf(o) === value}>{labelOf(o)}</option>)}
      </select>
    </label>
  );
}

export function Slider({ label, value, min = 0, max = 1, step = 0.01, onChange, format, width, hideLabel }: {
  label: string; value: number; min?: number; max?: number; step?: number; onChange(value: number): void; format?(value: number): string; width?: number | string; hideLabel?: boolean;
}) {
  const at = max > min ? ((value - min) / (max - min)) * 100 : 0;
  return (
    <label class="ts-field" style={typeof width === 'string' ? { flex: 1 } : undefined}>
      <span class={hideLabel ? 'ts-hidden' : undefined}>{t(label)}</span>
      <input class="ts-slider" type="range" min={min} max={max} step={step} value={value} aria-valuetext={format?.(value)}
        style={{ '--at': `${at}%`, ...(width !== undefined && { width: typeof width === 'number' ? `${width}px` : width }) } as CSSProperties}
        onInput={e => onChange(Number((e.currentTarget as HTMLInputElement).value))} />
      {format && <span class="ts-mono">{format(value)}</span>}
    </label>
  );
}

/** One of a few: `tabs` for what is shown below (with `panel`, the id of that element), `radio` for how it is shown. */
export function Tabs<T extends string>({ label, value, options, onChange, as = 'tabs', panel }: {
  label: string; value: T; options: readonly Option<T>[]; onChange(value: T): void; as?: 'tabs' | 'radio'; panel?: string;
}) {
  const row = useRef<HTMLDivElement>(null);
  const tabs = as === 'tabs';
  const move = (e: KeyboardEvent) => {
    const step = e.key === 'ArrowRight' ? 1 : e.key === 'ArrowLeft' ? -1 : 0;
    if (!step) return;
    e.preventDefault();
    e.stopPropagation();
    const at = options.findIndex(o => valueOf(o) === value);
    const next = (at + step + options.length) % options.length;
    onChange(valueOf(options[next]!));
    (row.current?.children[next] as HTMLElement | undefined)?.focus();
  };
  return (
    <div class="ts-tabs" role={tabs ? 'tablist' : 'radiogroup'} aria-label={t(label)} ref={row} onKeyDown={move}>
      {options.map(o => {
        const on = valueOf(o) === value;
        return (
          <button type="button" key={valueOf(o)} class="ts-tab" role={tabs ? 'tab' : 'radio'} aria-selected={tabs ? on : undefined} aria-checked={tabs ? undefined : on}
            aria-controls={tabs ? panel : undefined} tabIndex={on ? 0 : -1} onClick={() => onChange(valueOf(o))}>{labelOf(o)}</button>
        );
      })}
    </div>
  );
}

/** Tabs in one row where they fit, else a list to choose from: a second row would push down what they show. */
export function FoldingTabs<T extends string>(props: { label: string; value: T; options: readonly Option<T>[]; onChange(value: T): void }) {
  const box = useRef<HTMLDivElement>(null), wanted = useRef(0);
  const [folded, setFolded] = useState(false);
  const words = props.options.map(labelOf).join('\n');
  useLayoutEffect(() => {
    const el = box.current!;
    wanted.current = 0;
    const look = () => {
      const row = el.querySelector<HTMLElement>('.ts-tabs');
      if (row) wanted.current = row.scrollWidth;
      if (el.clientWidth > 0) setFolded(wanted.current > el.clientWidth);
    };
    setFolded(false);
    look();
    const observer = typeof ResizeObserver === 'function' ? new ResizeObserver(look) : null;
    observer?.observe(el);
    return () => observer?.disconnect();
  }, [words]);
  return <div class="ts-folding" ref={box}>{folded ? <Select {...props} hideLabel /> : <Tabs {...props} />}</div>;
}

export type Tone = 'forward' | 'backward' | 'trouble';

export function Badge({ tone, title, children }: Children & { tone?: Tone; title?: string }) {
  return <span class="ts-badge" data-tone={tone} title={title && t(title)}>{said(children)}</span>;
}

export function Legend({ items }: { items: readonly { label: string; color: string }[] }) {
  return <div class="ts-legend">{items.map(item => <span key={item.label}><i style={{ background: item.color }} /><span class="ts-clip">{item.label}</span></span>)}</div>;
}
