import { NotebookPanel } from '@jupyterlab/notebook';
import { Message } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';
import { Connection } from './connection';
import { tapescopeIcon } from './icon';
import { KernelLink, LinkState } from './link';
import { Preferences } from './preferences';
import { Tab, tabs } from './views';
import { t } from './words';
import { Vigil } from './vigil';
import '../style/panel.css';

const WORDS: Record<LinkState, string> = {
  starting: 'The kernel is starting.',
  asking: 'Asking the kernel …',
  busy: 'The kernel is busy and has not answered yet. Tapescope connects as soon as it does.',
  absent: 'This kernel has not imported Tapescope.',
  live: '',
  dead: 'The kernel is dead. Restart it to go on.',
  cut: 'The line to the kernel is cut. Tapescope comes back with it.',
  none: 'This notebook has no kernel. Choose one to begin.'
};

const DOTS: Record<LinkState, string> = {
  starting: 'starting', asking: 'connecting', busy: 'busy', absent: 'no tapescope', live: 'connected', dead: 'dead', cut: 'cut', none: 'no kernel'
};

/** The frame around the views: which notebook, how its kernel stands, record, tabs. It draws nothing of a run itself. */
export class TapescopePanel extends Widget {
  private notebook: NotebookPanel | null = null;
  private link: KernelLink | null = null;
  private vigil: Vigil | null = null;
  private tab: Tab;
  private shown: { tab: Tab; link: KernelLink; connection: Connection; run: string; stop: () => void; el: HTMLElement } | null = null;
  private turn = 0;                                    // counts showings, so that a late chunk of a left tab is dropped

  private title_ = element('span', 'ts-panel-notebook');
  private state_ = element('span', 'ts-panel-state');
  private run_ = element('select', 'ts-panel-run');
  private record_ = element('button', 'ts-panel-record');
  private tabs_ = element('div', 'ts-panel-tabs');
  private pause_ = element('div', 'ts-panel-pause');
  private notice_ = element('div', 'ts-panel-notice');
  private body_ = element('div', 'ts-panel-body');

  constructor(
    private openSource: (source: any, notebook: NotebookPanel | null) => void,
    private preferences: Preferences
  ) {
    super();
    this.tab = tabs.find(tab => tab.id === preferences.first) ?? tabs[0];
    this.id = 'tapescope-panel';
    this.addClass('ts-panel');
    this.title.label = 'Tapescope';
    this.title.icon = tapescopeIcon;
    this.title.closable = true;

    this.run_.addEventListener('change', () => {
      if (this.link) {
        this.link.shown = this.run_.value;
      }
      this.update();
    });
    this.record_.type = 'button';
    this.record_.addEventListener('click', () => this.link?.toggleRecording(this.preferences.level));
    this.notice_.setAttribute('role', 'status');
    this.notice_.setAttribute('aria-live', 'polite');
    this.body_.id = 'tapescope-body';
    this.body_.setAttribute('role', 'tabpanel');
    this.buildTabs();

    const head = element('div', 'ts-panel-head');
    head.append(this.title_, this.state_, this.run_, this.record_);
    this.node.append(head, this.tabs_, this.pause_, this.notice_, this.body_);
    this.update();
  }

  /** Turns to another notebook, or to none. */
  follow(notebook: NotebookPanel | null, link: KernelLink | null, vigil: Vigil | null): void {
    if (notebook === this.notebook && link === this.link) {
      return;
    }
    this.link?.changed.disconnect(this.update, this);
    this.notebook?.context.pathChanged.disconnect(this.update, this);
    this.notebook = notebook;
    this.vigil?.paused.disconnect(this.update, this);
    this.vigil = vigil;
    vigil?.paused.connect(this.update, this);
    this.link = link;
    link?.changed.connect(this.update, this);
    notebook?.context.pathChanged.connect(this.update, this);
    if (this.isVisible || this.isAttached) {
      link?.want();
    }
    this.update();
  }

  /** The page speaks another language now. */
  retell(): void {
    for (const button of this.tabs_.children as Iterable<any>) {
      button.textContent = t(tabs.find(tab => tab.id === button.dataset.tab)?.label ?? '');
    }
    this.update();
  }

  /** The view is made anew where the theme is another one. */
  dress(theme: string): void {
    if (this.shown && this.shown.connection.options.theme !== theme) {
      this.stopView();
    }
    this.update();
  }

  show_(tab: string): void {
    this.tab = tabs.find(t => t.id === tab) ?? this.tab;
    if (this.vigil?.pause && this.link && this.tab.id === 'backward') {
      this.link.shown = 'latest';                      // the paused pass belongs to it, whatever was looked at before
    }
    this.update();
  }

  /** The keys of what is shown work at once. */
  protected onActivateRequest(message: Message): void {
    super.onActivateRequest(message);
    if (!this.node.contains(document.activeElement)) {
      (this.body_.querySelector<HTMLElement>('.ts-stage-canvas') ?? this.tabs_.querySelector<HTMLElement>('[aria-selected=true]'))?.focus({ preventScroll: true });
    }
  }

  protected onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    this.link?.want();
  }

  protected onUpdateRequest(message: Message): void {
    super.onUpdateRequest(message);
    const state = this.link?.state ?? null;
    const recording = this.link?.recordings.some(r => r.state === 'recording') ?? false;
    this.node.dataset.state = state ?? 'no-notebook';
    this.node.dataset.tab = this.tab.id;

    this.run_.setAttribute('aria-label', t('Recording'));
    this.tabs_.setAttribute('aria-label', t('Tapescope views'));
    this.title_.textContent = this.notebook?.context.localPath ?? '';
    this.title_.title = this.title_.textContent ?? '';
    this.state_.textContent = t(state ? DOTS[state] : 'no notebook');
    this.record_.textContent = recording ? t('Stop') : t('Record');
    this.record_.title = recording ? t('Stop recording') : t('Record every cell from now on, as ts.record() does');
    this.record_.setAttribute('aria-pressed', String(recording));
    this.record_.disabled = state !== 'live';
    this.renderRuns(state);
    this.renderTabs();
    this.renderPause();
    this.renderNotice(state);
    void this.renderView();
  }

  dispose(): void {
    if (!this.isDisposed) {
      this.follow(null, null, null);
      this.stopView();
      super.dispose();
    }
  }

  private buildTabs(): void {
    this.tabs_.setAttribute('role', 'tablist');
    for (const tab of tabs) {
      const button = element('button', 'ts-panel-tab');
      button.type = 'button';
      button.textContent = t(tab.label);
      button.dataset.tab = tab.id;
      button.setAttribute('role', 'tab');
      button.setAttribute('aria-controls', this.body_.id);
      button.addEventListener('click', () => this.show_(tab.id));
      this.tabs_.append(button);
    }
    this.tabs_.addEventListener('keydown', event => {
      const move = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (move) {
        const next = tabs[(tabs.indexOf(this.tab) + move + tabs.length) % tabs.length];
        this.show_(next.id);
        this.tabs_.querySelector<HTMLElement>(`[data-tab="${next.id}"]`)?.focus();
        event.preventDefault();
      }
    });
    const look = () => this.markEnds();
    this.tabs_.addEventListener('scroll', look, { passive: true });
    new ResizeObserver(look).observe(this.tabs_);        // ends with the element
  }

  /** On which sides there are tabs out of sight: the strip fades out there. */
  private markEnds(): void {
    const { scrollLeft, clientWidth, scrollWidth } = this.tabs_;
    this.tabs_.dataset.more = `${scrollLeft > 1 ? 'left' : ''} ${scrollLeft + clientWidth < scrollWidth - 1 ? 'right' : ''}`;
  }

  /** The newest recording, whichever it is, or one that stays while newer ones come. */
  private renderRuns(state: LinkState | null): void {
    const runs = this.link?.recordings ?? [];
    const wanted = runs.map(r => [r.id, r.name]).reverse();
    wanted.unshift(['latest', runs.length ? t('Latest: {0}', runs[runs.length - 1].name) : t('Latest')]);
    const key = JSON.stringify(wanted);
    if (this.run_.dataset.key !== key) {                // an open list is not disturbed
      this.run_.dataset.key = key;
      this.run_.replaceChildren(...wanted.map(([id, name]) => new Option(name, id)));
    }
    if (this.link && !wanted.some(([id]) => id === this.link?.shown)) {
      this.link.shown = 'latest';
    }
    this.run_.value = this.link?.shown ?? 'latest';
    this.run_.hidden = state !== 'live' || runs.length === 0;
  }

  private renderTabs(): void {
    for (const button of this.tabs_.children as Iterable<any>) {
      const on = button.dataset.tab === this.tab.id;
      button.setAttribute('aria-selected', String(on));
      button.tabIndex = on ? 0 : -1;
      if (on) {
        button.scrollIntoView({ block: 'nearest', inline: 'nearest' });
      }
    }
  }

  /** A paused cell: said on the tab of the panel, on the tab of the view, and in a line that leads there. */
  private renderPause(): void {
    const pause = this.vigil?.pause ?? null;
    this.title.label = pause ? t('Tapescope: paused') : 'Tapescope';
    this.title.className = pause ? 'ts-title-paused' : '';
    this.title.caption = pause ? t('Paused: {0}', pause.words) : t('Tapescope: what the model of the active notebook does');
    this.node.dataset.paused = String(pause !== null);
    const there = this.tab.id === 'backward' || this.tab.id === 'dashboard';
    this.pause_.hidden = pause === null || there;
    if (pause && !there && this.pause_.dataset.words !== pause.words) {
      this.pause_.dataset.words = pause.words;
      const button = element('button', 'ts-panel-import');
      button.type = 'button';
      button.textContent = t('Show');
      button.addEventListener('click', () => this.show_('backward'));
      const words = paragraph(pause.words);
      const strong = document.createElement('strong');
      strong.textContent = `${t('Paused')} `;
      words.prepend(strong);
      this.pause_.replaceChildren(words, button);
    }
  }

  private renderNotice(state: LinkState | null): void {
    this.notice_.replaceChildren();
    this.notice_.hidden = state === 'live';
    if (state === 'live') {
      return;
    }
    const text = t(state ? WORDS[state] : 'Open a notebook: this panel shows the model of the active one.');
    const died = state === 'absent' && this.link?.hasDied ? `${t('The kernel died and was restarted; its recordings are gone.')} ` : '';
    this.notice_.append(paragraph(died + text));
    if (state === 'absent') {
      const code = element('pre', 'ts-panel-code');
      code.textContent = 'import tapescope as ts';
      const button = element('button', 'ts-panel-import');
      button.type = 'button';
      button.textContent = t('Import it now');
      button.addEventListener('click', () => void this.importLibrary(button));
      this.notice_.append(paragraph(t('Type this in a cell:')), code, button);
    }
  }

  private async importLibrary(button: HTMLButtonElement): Promise<void> {
    button.disabled = true;
    button.textContent = t('Importing …');
    const trouble = await this.link?.importLibrary();
    if (button.isConnected) {
      button.disabled = false;
      button.textContent = t('Import it now');
      if (trouble) {
        const said = paragraph(trouble);
        said.className = 'ts-panel-trouble';
        this.notice_.append(said);
      }
    }
  }

  /** Mounts the chosen view on the live connection; a view stays, grey, while its kernel is away. */
  private async renderView(): Promise<void> {
    const connection = this.link?.connection ?? null;
    const run = this.link?.shown ?? 'latest';
    if (this.shown && this.shown.connection === connection && this.shown.tab === this.tab && this.shown.run === run) {
      return;
    }
    if (this.link?.state !== 'live' || !connection) {
      this.turn++;
      if (!this.link || this.link !== this.shown?.link || this.link.state === 'absent') {
        this.stopView();
      }
      this.shown?.el.classList.add('ts-stale');
      return;
    }
    const turn = ++this.turn;
    const { tab, link } = this;
    const el = element('div', 'ts-panel-view');
    try {
      const view = await tab.load();
      if (turn !== this.turn || this.isDisposed) {
        return;
      }
      connection.recording = run;
      connection.options = { theme: this.preferences.theme };
      connection.openSource = (source: any) => this.openSource(source, this.notebook);
      connection.showRecording = id => {
        link.shown = id;
        this.show_('dashboard');
      };
      // The new one begins before the old one ends, so that the run they share is not let go between them.
      const previous = this.shown;
      this.body_.append(el);
      this.shown = { tab, link, connection, run, el, stop: view(el, connection) };
      previous?.stop();
      previous?.el.remove();
    } catch (error) {
      console.error('tapescope:', error);
      if (turn === this.turn) {
        this.stopView();
        this.notice_.hidden = false;
        this.notice_.replaceChildren(paragraph(t('The view {0} could not be shown: {1}', t(tab.label), String(error))));
      }
    }
  }

  private stopView(): void {
    const shown = this.shown;
    this.shown = null;
    shown?.stop();
    shown?.el.remove();
  }
}

function element<K extends keyof HTMLElementTagNameMap>(tag: K, className: string): HTMLElementTagNameMap[K] {
  const el = document.createElement(tag);
  el.className = className;
  return el;
}

function paragraph(text: string): HTMLElement {
  const el = document.createElement('p');
  el.textContent = text;
  return el;
}
