/** The runs below a folder, as `ts.runs` finds them: filtered by its expressions, followed while they are written, opened by a click. */

import { useEffect, useState } from 'preact/hooks';
import { Empty, Failure, Nothing, show, t, useKept, useRedraw } from '../../chrome';
import type { Attachment, View } from '../../store/types';
import { addStyle } from '../../theme';
import { viewOf, type ViewProps } from '../mount';
import { STYLE } from './style';

type Value = number | string | boolean | null | undefined;
interface Run { name: string; state: string; step: number; began: number; error: string; id: string | null; params: Record<string, Value>; metrics: Record<string, Value> }
export interface Listing { folder: string; total: number; shown: number; params: string[]; metrics: string[]; runs: Run[] }
type Sort = { by: string; down: boolean } | null;

/** Between two looks at the folder; more where one look takes long. */
const AGAIN_MS = 3000;
const OPENS_WITHIN_MS = 5000;

function RunList({ at, host, root }: ViewProps) {
  const redraw = useRedraw();
  const [path, setPath] = useKept(host, 'runs.path', String(host.options?.path ?? 'runs'));
  const [where, setWhere] = useKept(host, 'runs.where', '');
  const [sort, setSort] = useKept<Sort>(host, 'runs.sort', null);
  const [list, setList] = useState<Listing | null>(null);
  const [problem, setProblem] = useState('');
  const [note, setNote] = useState('');
  const { state } = at.link;
  useEffect(() => addStyle(root, 'tapescope-runs', STYLE), []);
  useEffect(() => {
    const off = at.link.on(redraw);
    redraw();                                           // it may have become live between the first picture and now
    return off;
  }, [at]);
  useEffect(() => {
    let over = false, timer: ReturnType<typeof setTimeout> | undefined;
    const look = async () => {
      const began = performance.now();
      if (state === 'live' && !document.hidden) {
        const found = await at.command('runs.list', { path, where }).catch((error: Error) => error);
        if (over) return;
        setProblem(found instanceof Error ? found.message : '');
        if (!(found instanceof Error)) setList(found as Listing);
      }
      timer = setTimeout(look, Math.max(AGAIN_MS, 10 * (performance.now() - began)));
    };
    void look();
    return () => { over = true; clearTimeout(timer); };
  }, [at, path, where, state]);

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

  if (state === 'connecting' || state === 'dead') return <Nothing link={at.link} recorded={false} what="" />;
  if (state === 'replay') return <Empty title="Runs are listed where a kernel runs" code={'ts.runs("runs")'} />;
  const shown = at.store()?.id, rows = sorted(list?.runs ?? [], sort);
  return (
    <div class="ts-column">
      <div class="ts-bar" role="toolbar" aria-label={t('Runs')}>
        <input class="ts-input" aria-label={t('Folder')} title={t('Folder, as the kernel sees it')} value={path} onChange={e => setPath(e.currentTarget.value.trim() || 'runs')} style={{ width: '110px' }} />
        <input class="ts-input ts-grow" type="search" placeholder={'lr < 0.01 and val/loss < 0.3'} aria-label={t('Filter runs by an expression')} value={where} onChange={e => setWhere(e.currentTarget.value.trim())} />
        {list && <span class="ts-muted">{where ? t('{0} of {1} runs', list.shown, list.total) : t('{0} runs', list.total)}</span>}
      </div>
      {problem && <Failure title="The runs could not be listed" reason={problem} />}
      {!problem && list?.runs.length === 0 && (list.total ? <Empty title="No run is like that" /> : <Empty title="No runs here yet" code={'with ts.record("runs/first", params={"lr": 1e-3}) as tape:\n    ...'} />)}
      {!problem && rows.length > 0 && (
        <div class="ts-grow ts-runlist">
          <table>
            <thead>
              <tr>{['name', 'step', 'began', ...list!.params, ...list!.metrics].map((name, i) => (
                <th key={`${i} ${name}`} scope="col" class={i > 0 ? 'ts-num' : undefined} data-result={i >= 3 + list!.params.length || undefined} aria-sort={sort?.by === name ? (sort.down ? 'descending' : 'ascending') : 'none'}>
                  <button type="button" onClick={() => setSort(sort?.by === name ? (sort.down ? null : { by: name, down: true }) : { by: name, down: false })}>{i < 3 ? t(HEADS[i]!) : name}{sort?.by === name ? (sort.down ? ' ▼' : ' ▲') : ''}</button>
                </th>
              ))}</tr>
            </thead>
            <tbody>
              {rows.map(run => (
                <tr key={run.name} aria-current={run.id !== null && run.id === shown ? 'true' : undefined}>
                  <td title={run.name}>
                    {run.error ? run.name : <button type="button" class="ts-runlist-open" title={run.id ? t('It is open: show it') : t('Open it')} onClick={() => void open(run)}>{run.name}</button>}
                    {run.state === 'recording' && <> <span class="ts-dot" data-on title={t('recording')} /></>}
                  </td>
                  {run.error ? <td data-bad colSpan={2 + list!.params.length + list!.metrics.length}>{run.error}</td> : <>
                    <td class="ts-num">{run.step}</td>
                    <td class="ts-num">{run.began > 0 ? ageOf(Date.now() / 1000 - run.began) : ''}</td>
                    {list!.params.map(name => <td key={name} class="ts-num">{said(run.params[name])}</td>)}
                    {list!.metrics.map(name => <td key={name} class="ts-num">{said(run.metrics[name])}</td>)}
                  </>}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {note && <div class="ts-status" role="status"><span class="ts-clip">{note}</span></div>}
    </div>
  );
}

const HEADS = ['Run', 'Step', 'Age'];

/** Resolves when the page knows the recording; the answer may come before the list does. */
function listedBy(at: Attachment, id: string): Promise<void> {
  const there = () => at.link.recordings.some(r => r.id === id);
  if (there()) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => { off(); reject(new Error(t('The kernel has opened it, and does not list it yet'))); }, OPENS_WITHIN_MS);
    const off = at.link.on(() => { if (there()) { clearTimeout(timer); off(); resolve(); } });
  });
}

const valueOf = (run: Run, by: string): Value => (by === 'name' ? run.name : by === 'step' ? run.step : by === 'began' ? -run.began : run.params[by] ?? run.metrics[by]);

/** In the order of a column; what lacks it comes last, whichever way. Without an order the newest is the first. */
export function sorted(runs: readonly Run[], sort: Sort): Run[] {
  if (!sort) return [...runs].reverse();
  const lacks = (v: Value) => v === undefined || v === null;
  return [...runs].sort((a, b) => {
    const x = valueOf(a, sort.by), y = valueOf(b, sort.by);
    if (lacks(x) || lacks(y)) return Number(lacks(x)) - Number(lacks(y));
    return (typeof x === 'number' && typeof y === 'number' ? x - y : String(x) < String(y) ? -1 : String(x) > String(y) ? 1 : 0) * (sort.down ? -1 : 1);
  });
}

export function ageOf(seconds: number): string {
  for (const [size, unit] of [[86400, 'd'], [3600, 'h'], [60, 'min']] as const) if (seconds >= size) return `${Math.floor(seconds / size)} ${unit}`;
  return `${Math.max(0, Math.floor(seconds))} s`;
}

const said = (v: Value) => (v === undefined ? <span class="ts-faint">–</span> : v === null ? 'nan' : typeof v === 'number' ? show(v) : String(v));

export const runs: View = viewOf(RunList);
