/** The runs below a folder, as `ts.runs` finds them: filtered by its expressions, grouped, compared, followed while they are written, opened by a click. */

import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { Empty, Failure, later, Nothing, Select, t, useKept, useRedraw } from '../../chrome';
import type { Attachment, View } from '../../store/types';
import { addStyle } from '../../theme';
import { viewOf, type ViewProps } from '../mount';
import type { Compared, Listing, Run, Sort } from './model';
import { STYLE } from './style';
import { Table } from './table';

const Bands = later(() => import('./bands').then(m => m.Bands));

/** Between two looks at the folder; more where one look takes long. */
const AGAIN_MS = 3000;
const OPENS_WITHIN_MS = 5000;

/** What a cell asks for, and what it has kept for readers without a kernel. */
interface Wish { path?: string; where?: string; only?: string[]; sort?: Sort; group?: string[]; metric?: string; saved?: { listing: Listing; compared?: Compared } }

function RunList({ at, host, root }: ViewProps) {
  const redraw = useRedraw(), wish = (host.options ?? {}) as Wish;
  const [path, setPath] = useKept(host, 'runs.path', String(wish.path || 'runs'));
  const [where, setWhere] = useKept(host, 'runs.where', wish.where ?? '');
  const [only, setOnly] = useKept(host, 'runs.only', wish.only);
  const [sort, setSort] = useKept<Sort>(host, 'runs.sort', wish.sort ?? null);
  const [by, setBy] = useKept<readonly string[]>(host, 'runs.group', wish.group ?? []);
  const [metric, setMetric] = useKept(host, 'runs.metric', wish.metric ?? '');
  const [list, setList] = useState<Listing | null>(wish.saved?.listing ?? null);
  const [compared, setCompared] = useState<Compared | null>(wish.saved?.compared ?? null);
  const [problem, setProblem] = useState('');
  const [note, setNote] = useState('');
  const { state } = at.link, live = state === 'live', asked = by.join('\n');
  useEffect(() => addStyle(root, 'tapescope-runs', STYLE), []);
  useEffect(() => {
    const off = at.link.on(redraw);
    redraw();                                           // it may have become live between the first picture and now
    return off;
  }, [at]);
  useEffect(() => {
    let over = false, timer: ReturnType<typeof setTimeout> | undefined;
    const look = async () => {
      const began = performance.now(), which = { path, where, ...(only && { only }) };
      if (live && !document.hidden) {
        const [found, bands] = await Promise.all([at.command('runs.list', which), metric ? at.command('runs.compare', { ...which, tag: metric, by: [...by] }).catch(() => null) : null]).catch((error: Error) => [error]);
        if (over) return;
        setProblem(found instanceof Error ? found.message : '');
        if (!(found instanceof Error)) { setList(found as Listing); setCompared((bands ?? null) as Compared | null); }
      }
      timer = setTimeout(look, Math.max(AGAIN_MS, 10 * (performance.now() - began)));
    };
    void look();
    return () => { over = true; clearTimeout(timer); };
  }, [at, path, where, only, metric, asked, state]);

  const open = async (run: Run) => {
    setNote(t('Opening {0}', run.name));
    try {
      const { id } = await at.command('runs.open', { path, name: run.name }) as { id: string };
      await listedBy(at, id);
      setNote(host.showRecording ? '' : t('{0} is open: choose it among the recordings', run.name));
      host.showRecording?.(id);
    } catch (error) {
      setNote((error as Error).message);
    }
  };

  if (!live && !wish.saved) {
    return state === 'replay' ? <Empty title="Runs are listed where a kernel runs" code={'ts.runs("runs")'} /> : <Nothing link={at.link} recorded={false} what="" />;
  }
  const none = { value: '', label: '–' };
  const names = (known: readonly string[], chosen: string) => [none, ...new Set([...known, ...(chosen ? [chosen] : [])])];
  return (
    <div class="ts-column">
      <div class="ts-bar" role="toolbar" aria-label={t('Runs')}>
        {live && <>
          <Field label={t('Folder')} title={t('Folder, as the kernel sees it')} value={path} onEnd={text => { setPath(text || 'runs'); setOnly(undefined); }} style={{ width: '110px' }} />
          <Field label={t('Filter runs by an expression')} type="search" class="ts-grow" placeholder={'lr < 0.01 and val/loss < 0.3'} value={where} onEnd={setWhere} />
          <Select label="Group" value={by.join(', ')} options={names(list?.params ?? [], by.join(', '))} onChange={name => setBy(name ? [name] : [])} />
          <Select label="Compare" value={metric} options={names(list?.metrics ?? [], metric)} onChange={setMetric} />
        </>}
        {list && <span class="ts-muted">{list.shown !== list.total ? t('{0} of {1} runs', list.shown, list.total) : t('{0} runs', list.total)}</span>}
        {!live && <span class="ts-muted">{t('as they were when the notebook was saved')}</span>}
        {only && live && <button type="button" class="ts-runlist-open" onClick={() => setOnly(undefined)}>{t('Show all')}</button>}
      </div>
      {problem && <Failure title="The runs could not be listed" reason={problem} />}
      {!problem && list?.runs.length === 0 && (list.total ? <Empty title="No run is like that" /> : <Empty title="No runs here yet" code={'with ts.record("runs/first", params={"lr": 1e-3}) as tape:\n    ...'} />)}
      {!problem && metric && compared?.tag === metric && <Bands found={compared} root={root} />}
      {!problem && list !== null && list.runs.length > 0 && <Table list={list} sort={sort} onSort={setSort} by={by} shown={at.store()?.id} onOpen={live ? run => void open(run) : null} />}
      {note && <div class="ts-status" role="status"><span class="ts-clip">{note}</span></div>}
    </div>
  );
}

/** A text that counts when Enter is pressed or the field is left; until then it stays as it is typed, however often the list is looked at. */
function Field({ label, value, onEnd, class: more = '', ...rest }: { label: string; value: string; onEnd(text: string): void; class?: string; title?: string; type?: string; placeholder?: string; style?: { width: string } }) {
  const box = useRef<HTMLInputElement>(null), end = () => { const text = box.current!.value.trim(); if (text !== value) onEnd(text); };
  useLayoutEffect(() => { box.current!.value = value; }, [value]);
  return <input {...rest as object} ref={box} class={`ts-input ${more}`} aria-label={label} onChange={end} onKeyDown={e => { if (e.key === 'Enter') end(); }} />;
}

/** Resolves when the page knows the recording; the answer may come before the list does. */
function listedBy(at: Attachment, id: string): Promise<void> {
  const there = () => at.link.recordings.some(r => r.id === id);
  if (there()) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => { off(); reject(new Error(t('The kernel has opened it, and does not list it yet'))); }, OPENS_WITHIN_MS);
    const off = at.link.on(() => { if (there()) { clearTimeout(timer); off(); resolve(); } });
  });
}

export const runs: View = viewOf(RunList);
