import { NotebookPanel } from '@jupyterlab/notebook';
import { ISignal, Signal } from '@lumino/signaling';
import type { Attachment, Breakpoint, DebugState } from '@tapescope/widgets';
import { Connection } from './connection';
import { KernelLink } from './link';
import { Source } from './source';

/** Where a cell is paused and why, in words. */
export interface Pause {
  words: string;
}

const KEY = 'tapescope';
const SETTLE = 400;                    // ms without a change before the notebook is written to

/** What a field of a breakpoint is when nobody has said anything else: it is not kept. */
const PLAIN: Record<string, unknown> = { enabled: true, factor: 10, ignore: 0, text: '', once: false, forward: false, exception: false };
const PASSING = new Set(['id', 'hits', 'words']);

/**
 * Looks after one notebook whether or not the panel is open: says when a cell pauses, and keeps the breakpoints in the notebook's
 * metadata, so that a kernel that is started anew gets them again.
 */
export class Vigil {
  pause: Pause | null = null;

  private paused_ = new Signal<this, Pause | null>(this);
  private connection: Connection | null = null;
  private stop: () => void = () => undefined;
  private timer = 0;

  constructor(
    private notebook: NotebookPanel,
    private link: KernelLink,
    private mark: (source: Source | null) => void
  ) {
    link.changed.connect(this.follow, this);
    void notebook.context.ready.then(() => {
      if (this.kept().length) {
        link.want();
      }
    });
    notebook.disposed.connect(() => {
      window.clearTimeout(this.timer);
      link.changed.disconnect(this.follow, this);
      this.stop();
      Signal.clearData(this);
    });
    this.follow();
  }

  get paused(): ISignal<this, Pause | null> {
    return this.paused_;
  }

  /** Each kernel process is another connection. */
  private follow(): void {
    const connection = this.link.state === 'live' ? this.link.connection : null;
    if (connection === this.connection) {
      return;
    }
    this.stop();
    this.stop = () => undefined;
    this.connection = connection;
    this.say(null);
    this.mark(null);
    if (connection) {
      void this.attend(connection);
    }
  }

  private async attend(connection: Connection): Promise<void> {
    const [{ hubOf }, { pauseWords }] = await Promise.all([import('@tapescope/widgets/hub'), import('@tapescope/widgets/breaks/words')]);
    if (connection !== this.connection) {
      return;
    }
    const at: Attachment = hubOf().attach(connection, 'latest');
    let synced = false;
    let offStore: () => void = () => undefined;
    const look = () => {
      const debug = at.store()?.debug ?? null;
      // Only a pass inside a running cell keeps somebody waiting.
      this.say(debug?.live && debug.state === 'held' && debug.at ? { words: pauseWords(debug) } : null);
      this.mark(sourceOf(debug));
      if (synced && debug?.breakpoints) {
        this.keep(debug.breakpoints);
      }
    };
    const enter = () => {
      offStore();
      offStore = at.store()?.on('debug', look) ?? (() => undefined);
      look();
    };
    const offs = [at.need('debug'), at.onStore(enter), () => offStore(), () => at.release()];
    this.stop = () => offs.forEach(off => off());
    enter();
    const kept = this.kept();
    if (kept.length) {
      // A kernel that has some knows better than a notebook that was saved before.
      await at
        .command('break.list')
        .then(there => (there.breakpoints.length ? there : at.command('break.restore', { breakpoints: kept })))
        .catch(reason => console.warn('tapescope:', reason));
    }
    synced = true;
    look();
  }

  private say(pause: Pause | null): void {
    if (pause?.words !== this.pause?.words) {
      this.pause = pause;
      this.notebook.toggleClass('ts-notebook-paused', pause !== null);
      for (const cell of this.notebook.content.widgets) {
        cell.node.toggleAttribute('data-ts-running', pause !== null && (cell.model as any).executionState === 'running');
      }
      this.paused_.emit(pause);
    }
  }

  private kept(): object[] {
    const found = (this.notebook.model?.getMetadata(KEY) as any)?.breakpoints;
    return Array.isArray(found) ? found : [];
  }

  /** Writes them into the notebook when they have changed and stay as they are. */
  private keep(list: readonly Breakpoint[]): void {
    window.clearTimeout(this.timer);
    const fields = list.map(b =>
      Object.fromEntries(Object.entries(b).filter(([name, value]) => !PASSING.has(name) && value !== null && value !== PLAIN[name]))
    );
    if (JSON.stringify(fields) === JSON.stringify(this.kept())) {
      return;
    }
    this.timer = window.setTimeout(() => {
      const { model } = this.notebook;
      const { breakpoints: _, ...others } = (model?.getMetadata(KEY) as any) ?? {};
      if (fields.length) {
        model?.setMetadata(KEY, { ...others, breakpoints: fields });
      } else if (Object.keys(others).length) {
        model?.setMetadata(KEY, others);
      } else {
        model?.deleteMetadata(KEY);
      }
    }, SETTLE);
  }
}

/** The line that made what a held pass stands at. */
function sourceOf(debug: DebugState | null): Source | null {
  const [file, line, , cell] = (debug?.state === 'held' && debug.at?.source) || [];
  return file === undefined || line === undefined ? null : { file, line, cell: cell ?? '' };
}
