/** The small multiples: one line a parameter, one column a kind. A grid for keyboard and screen reader, canvases inside. */

import { Component } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { t } from '../../chrome';
import { HEADINGS, isBackward, nameOf, type Line, type Mark, type Outline } from './model';
import type { TileBoard } from './tiles';

/** Breakpoints on parameters: a pass pauses when the gradient of one is complete. */
export interface Breaks { can(name: string): boolean; on(name: string): boolean; flip(name: string): void }

interface TileProps { board: TileBoard; id: string; chosen: boolean; tab: boolean }

/** The board writes the facts and what is spoken of them: data that changes many times a second does not pass through rendering. */
function Tile({ board, id, chosen, tab }: TileProps) {
  const el = useRef<HTMLDivElement>(null);
  useEffect(() => board.add(el.current!, id), [board, id]);
  return (
    <div class="ts-hist-tile" role="gridcell" data-key={id} aria-selected={chosen} tabIndex={tab ? 0 : -1} ref={el}>
      <canvas aria-hidden="true" />
      <span class="ts-hidden" />
      <div class="ts-hist-facts" aria-hidden="true"><span class="ts-clip" /></div>
    </div>
  );
}

interface TilesProps { line: Line; board: TileBoard; chosen: string | null; tab: string | null; columns: string; breaks: Breaks; stop: boolean | null }

class Tiles extends Component<TilesProps> {
  /** Only lines that gain or lose a tile, or the choice, are rendered again. */
  shouldComponentUpdate(next: TilesProps): boolean {
    const { line, board, columns, chosen, tab, stop } = this.props;
    return stop !== next.stop || board !== next.board || columns !== next.columns || line.keys.join() !== next.line.keys.join() || line.shape !== next.line.shape
      || (chosen !== next.chosen && touches(line, chosen, next.chosen)) || (tab !== next.tab && touches(line, tab, next.tab));
  }

  render({ line, board, chosen, tab, columns, breaks, stop }: TilesProps) {
    return (
      <div class="ts-hist-line" role="row">
        <div class="ts-hist-name" role="rowheader"><b class="ts-clip" title={line.name}>{line.name}</b>{stop !== null && <button type="button" class="ts-leaf-dot" aria-pressed={stop} aria-label={t('Break at {0}', line.name)} title={stop ? t('Remove the breakpoint') : t('Break when its gradient is complete')} onClick={e => { e.stopPropagation(); breaks.flip(line.name); }}><i class="ts-break-dot" data-is={stop ? 'on' : 'off'} /></button>}{line.shape && <span>{line.shape.replaceAll('x', '\u00d7')}</span>}</div>
        <div class="ts-hist-tiles" role="presentation" style={{ gridTemplateColumns: columns }}>
          {line.keys.map((key, i) => key === null
            ? <div key={i} role="gridcell" aria-label={t('not recorded')}><div class="ts-hist-none" /></div>
            : <Tile key={key} board={board} id={key} chosen={key === chosen} tab={key === tab} />)}
        </div>
      </div>
    );
  }
}

const touches = (line: Line, ...keys: (string | null)[]) => keys.some((key) => key !== null && line.keys.includes(key));

/** `across`: how many single tiles (activations, logged histograms) stand side by side. */
export function List({ outline, board, chosen, across, onChoose, root, breaks }: {
  outline: Outline; board: TileBoard; chosen: string | null; across: number; onChoose(key: string): void; root: { current: HTMLDivElement | null }; breaks: Breaks; /** Changes when a breakpoint does. */ stops: string;
}) {
  const tab = chosen !== null && outline.keys.includes(chosen) ? chosen : outline.keys[0] ?? null;
  const columns = `repeat(${Math.max(1, outline.columns.length)}, minmax(0, 1fr))`;
  const many = `repeat(${across}, minmax(0, 1fr))`;
  const tileOf = (e: Event) => (e.target as Element | null)?.closest?.<HTMLElement>('.ts-hist-tile');
  const onKey = (e: KeyboardEvent) => {
    const from = tileOf(e)?.dataset.key;
    if (!from || e.ctrlKey || e.metaKey || e.altKey) return;
    if (e.key === 'Enter' || e.key === ' ') {
      e.preventDefault();
      return onChoose(from);
    }
    if (e.key === 'b') {
      e.preventDefault();
      e.stopPropagation();
      return breaks.flip(nameOf(from));
    }
    const to = moved(outline, from, e.key, across);
    if (!to) return;
    e.preventDefault();
    e.stopPropagation();
    onChoose(to);
    const next = [...(root.current?.querySelectorAll<HTMLElement>('.ts-hist-tile') ?? [])].find((el) => el.dataset.key === to);
    next?.focus({ preventScroll: true });
    next?.scrollIntoView?.({ block: 'nearest' });
  };
  return (
    <div class="ts-hist-list ts-scroll" role="grid" aria-label={t('Distributions')} ref={root} onKeyDown={onKey} onClick={(e) => {
      const tile = tileOf(e);
      if (tile?.dataset.key) onChoose(tile.dataset.key);
    }}>
      {outline.parameters.length > 0 && (
        <div role="rowgroup">
          <div class="ts-hist-head" role="row" style={{ gridTemplateColumns: columns }}>
            {outline.columns.map((c) => <span key={c} role="columnheader"><i data-backward={isBackward(`${c}/`) || undefined} aria-hidden="true" />{t(HEADINGS[c]!)}</span>)}
          </div>
          {outline.parameters.map((line) => <Tiles key={line.name} line={line} board={board} chosen={chosen} tab={tab} columns={columns} breaks={breaks} stop={breaks.can(line.name) ? breaks.on(line.name) : null} />)}
        </div>
      )}
      {([['Activations', outline.activations], ['Logged', outline.others]] as const).map(([title, lines]) => lines.length > 0 && (
        <div role="rowgroup" key={title} aria-label={title}>
          <h3 class="ts-hist-section" role="presentation">{t(title)}</h3>
          <div class="ts-hist-tiles" role="presentation" style={{ gridTemplateColumns: many }}>
            {lines.map((line) => <Tiles key={line.name} line={line} board={board} chosen={chosen} tab={tab} columns="minmax(0, 1fr)" breaks={breaks} stop={null} />)}
          </div>
        </div>
      ))}
    </div>
  );
}

/** The key that an arrow leads to: left and right inside a line, up and down to the same column of the next line that has one. */
export function moved(outline: Outline, from: string, key: string, across: number): string | null {
  const lines: (string | null)[][] = outline.parameters.map((line) => line.keys);
  for (const singles of [outline.activations, outline.others]) {
    for (let i = 0; i < singles.length; i += across) lines.push(singles.slice(i, i + across).map((line) => line.keys[0]!));
  }
  if (key === 'Home') return outline.keys[0] ?? null;
  if (key === 'End') return outline.keys[outline.keys.length - 1] ?? null;
  const row = lines.findIndex((line) => line.includes(from));
  if (row < 0) return null;
  const column = lines[row]!.indexOf(from);
  const by = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[key];
  if (!by) return null;
  for (let r = row + by[0]!, c = column + by[1]!; r >= 0 && r < lines.length && c >= 0 && (by[0] !== 0 || c < lines[r]!.length); r += by[0]!, c += by[1]!) {
    const line = lines[r]!;
    const to = line[c] ?? (by[0] !== 0 ? line.slice(0, c + 1).reverse().find((k) => k !== null) ?? line.find((k) => k !== null) : undefined);
    if (to) return to;
  }
  return null;
}

/** Puts mean, deviation and marks under a tile, and their words for a screen reader, touching only what changed. */
export function writeFacts(el: HTMLElement, moments: string, marks: readonly Mark[], words: string): void {
  const said = el.querySelector('.ts-hidden')!;
  if (said.textContent !== words) said.textContent = words;
  const facts = el.querySelector('.ts-hist-facts')!;
  const first = facts.firstElementChild!;
  if (first.textContent !== moments) first.textContent = moments;
  while (facts.childElementCount > marks.length + 1) facts.lastElementChild!.remove();
  marks.forEach((mark, i) => {
    let span = facts.children[i + 1] as HTMLElement | undefined;
    if (!span) {
      span = el.ownerDocument.createElement('span');
      span.className = 'ts-hist-mark';
      facts.appendChild(span);
    }
    if (span.textContent !== mark.text) span.textContent = mark.text;
    span.title = mark.title;
    span.toggleAttribute('data-trouble', mark.trouble);
  });
}
