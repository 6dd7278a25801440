/** A tree that draws only the rows in sight: one tab stop, arrows move, the active row is named to assistive technology. */

import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { t } from './words';

export interface TreeRow { id: string; level: number; label: ComponentChildren; /** null: a leaf */ open: boolean | null; title?: string; setSize?: number; position?: number; text?: string }

const ROW = 22, INDENT = 14, OVERSCAN = 6;
let trees = 0;

export function Tree({ label, rows, selected, onSelect, onToggle, onEnter }: {
  label: string; rows: readonly TreeRow[]; selected: string | null; onSelect(id: string): void; onToggle(id: string, open: boolean): void; onEnter?(id: string): void;
}) {
  const box = useRef<HTMLDivElement>(null);
  const [name] = useState(() => `ts-tree-${++trees}`);
  const [view, setView] = useState({ top: 0, height: 400 });
  const typed = useRef({ text: '', at: 0 });
  const at = rows.findIndex(row => row.id === selected);

  useEffect(() => {
    const el = box.current!;
    const look = () => setView({ top: el.scrollTop, height: el.clientHeight || 400 });
    look();
    const observer = typeof ResizeObserver === 'function' ? new ResizeObserver(look) : null;
    observer?.observe(el);
    return () => observer?.disconnect();
  }, []);

  useLayoutEffect(() => {
    const el = box.current;
    if (!el || at < 0) return;
    if (at * ROW < el.scrollTop) el.scrollTop = at * ROW;
    else if ((at + 1) * ROW > el.scrollTop + el.clientHeight) el.scrollTop = (at + 1) * ROW - el.clientHeight;
  }, [selected]);

  const choose = (i: number) => { const row = rows[Math.min(rows.length - 1, Math.max(0, i))]; if (row) onSelect(row.id); };
  const onKey = (e: KeyboardEvent) => {
    const row = rows[at];
    if (e.ctrlKey || e.metaKey || e.altKey) return;     // the window's own
    switch (e.key) {
      case 'ArrowDown': choose(at + 1); break;
      case 'ArrowUp': choose(at < 0 ? 0 : at - 1); break;
      case 'Home': choose(0); break;
      case 'End': choose(rows.length - 1); break;
      case 'ArrowRight':
        if (row?.open === false) onToggle(row.id, true);
        else if (row?.open) choose(at + 1);
        break;
      case 'ArrowLeft':
        if (row?.open) onToggle(row.id, false);
        else if (row) { let up = at - 1; while (up >= 0 && rows[up]!.level >= row.level) up--; if (up >= 0) choose(up); }
        break;
      case 'Enter': if (row) (onEnter ?? (id => row.open !== null && onToggle(id, !row.open)))(row.id); break;
      default: {
        if (e.key.length !== 1 || !/\w/.test(e.key)) return;
        const now = Date.now();
        typed.current = { text: (now - typed.current.at < 700 ? typed.current.text : '') + e.key.toLowerCase(), at: now };
        const wanted = typed.current.text;
        const found = rows.findIndex((_, i) => textOf(rows[(at + (wanted.length > 1 ? 0 : 1) + i) % rows.length]!).startsWith(wanted));
        if (found < 0) return;
        choose((at + (wanted.length > 1 ? 0 : 1) + found) % rows.length);
      }
    }
    e.preventDefault();
    e.stopPropagation();
  };

  const from = Math.max(0, Math.floor(view.top / ROW) - OVERSCAN);
  const to = Math.min(rows.length, Math.ceil((view.top + view.height) / ROW) + OVERSCAN);
  return (
    <div class="ts-tree ts-grow" role="tree" aria-label={t(label)} tabIndex={0} ref={box} onKeyDown={onKey} aria-activedescendant={at >= from && at < to ? `${name}-${at}` : undefined}
      onScroll={() => setView({ top: box.current!.scrollTop, height: box.current!.clientHeight })}>
      <div style={{ height: `${rows.length * ROW}px` }} role="presentation">
        {rows.slice(from, to).map((row, i) => (
          <div key={row.id} id={`${name}-${from + i}`} class="ts-tree-row" role="treeitem" aria-level={row.level + 1} aria-selected={row.id === selected} title={row.title}
            aria-expanded={row.open ?? undefined} aria-setsize={row.setSize} aria-posinset={row.position}
            style={{ top: `${(from + i) * ROW}px`, paddingLeft: `${6 + row.level * INDENT}px` }} onClick={() => onSelect(row.id)} onDblClick={() => onEnter?.(row.id)}>
            <span class="ts-tree-twist" aria-hidden="true" onClick={e => { if (row.open !== null) { e.stopPropagation(); onToggle(row.id, !row.open); } }}>
              {row.open === null ? '' : row.open ? '▼' : '▶'}
            </span>
            {row.label}
          </div>
        ))}
      </div>
    </div>
  );
}

const textOf = (row: TreeRow) => (row.text ?? (typeof row.label === 'string' ? row.label : '')).toLowerCase();
