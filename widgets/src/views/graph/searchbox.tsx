/** Search as you type: arrows choose, Enter goes there. */

import { useId, useMemo, useRef, useState } from 'preact/hooks';
import type { Ref } from 'preact';
import { t } from '../../chrome';
import type { GraphModel } from '../../engines/graphmodel';
import { search } from './search';

export function SearchBox({ model, version, box, onGo }: { model: GraphModel; version: number; box: Ref<HTMLInputElement>; onGo(id: string): void }) {
  const [query, setQuery] = useState('');
  const [open, setOpen] = useState(false);
  const [at, setAt] = useState(0);
  const id = useId();
  const list = useRef<HTMLUListElement>(null);
  const { hits, total } = useMemo(() => search(model, query), [model, version, query]);
  const shown = open && query.trim() !== '', active = Math.min(at, hits.length - 1);
  const go = (k: number) => { const hit = hits[k]; if (hit) { onGo(hit.id); setAt(k); } };
  const onKey = (e: KeyboardEvent) => {
    if (e.key === 'ArrowDown' || e.key === 'ArrowUp') {
      const next = Math.min(hits.length - 1, Math.max(0, active + (e.key === 'ArrowDown' ? 1 : -1)));
      setAt(next);
      setOpen(true);
      list.current?.children[next]?.scrollIntoView?.({ block: 'nearest' });
    } else if (e.key === 'Enter') { if (shown) go(active); } else if (e.key === 'Escape') {
      if (!query) return;
      setQuery('');
      setOpen(false);
    } else { e.stopPropagation(); return; }
    e.preventDefault();
    e.stopPropagation();
  };
  return (
    <div class="ts-graph-search">
      <input ref={box} class="ts-input" type="text" placeholder={t('Search  /')} aria-label={t('Search ops, modules, parameters')} role="combobox" aria-expanded={shown} aria-controls={id} aria-autocomplete="list"
        aria-activedescendant={shown && hits.length ? `${id}-${active}` : undefined} value={query}
        onInput={e => { setQuery((e.currentTarget as HTMLInputElement).value); setAt(0); setOpen(true); }} onFocus={() => setOpen(true)} onBlur={() => setTimeout(() => setOpen(false), 150)} onKeyDown={onKey} />
      {shown && (
        <ul class="ts-graph-hits" id={id} role="listbox" aria-label="Found" ref={list}>
          {hits.map((hit, k) => (
            <li key={hit.id} id={`${id}-${k}`} role="option" aria-selected={k === active} onMouseDown={e => { e.preventDefault(); go(k); setOpen(false); }}>
              <span class="ts-mono">{hit.title}</span><span class="ts-clip">{hit.note}</span>
            </li>
          ))}
          {hits.length === 0 && <li data-note role="status">Nothing is called "{query}"</li>}
          {total > hits.length && <li data-note>{total - hits.length} more</li>}
        </ul>
      )}
    </div>
  );
}
