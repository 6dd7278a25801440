import { randomBytes } from 'node:crypto';
import { basename } from 'node:path';
import { commands, type Disposable, env, type ExtensionContext, Uri, ViewColumn, type WebviewPanel, window, workspace } from 'vscode';
import { Control, type Standing } from './control';
import { page, troublePage } from './html';
import type { Problems } from './problems';
import { interpreter } from './python';
import { reveal, type Source } from './source';
import { Stream } from './stream';
import type { Trouble } from './troubles';
import { say } from './words';

export const TYPE = 'tapescope.panel';

/** One panel a recording: its page, and the process that reads the recording for it. */
export class Panel implements Disposable {
  static readonly all = new Map<string, Panel>();
  private static readonly moved = new Set<() => void>();
  control: Control | null = null;
  private stream: Stream | null = null;
  private turn = 0;
  private answered = false;                            // whether the process of this stream has said anything

  /** Shows a recording; a panel that shows it already comes to the front. */
  static open(context: ExtensionContext, path: string, problems: Problems): Panel {
    const known = this.all.get(path);
    if (known) {
      known.view.reveal();
      return known;
    }
    const view = window.createWebviewPanel(TYPE, basename(path), { viewColumn: window.activeTextEditor ? ViewColumn.Beside : ViewColumn.Active }, { enableScripts: true, retainContextWhenHidden: true });
    return new Panel(context, path, view, problems);
  }

  static get active(): Panel | undefined {
    return [...this.all.values()].find(p => p.view.active) ?? (this.all.size === 1 ? [...this.all.values()][0] : undefined);
  }

  static onMoved(fn: () => void): void {
    this.moved.add(fn);
  }

  constructor(private readonly context: ExtensionContext, readonly path: string, readonly view: WebviewPanel, private readonly problems: Problems) {
    Panel.all.set(path, this);
    view.iconPath = Uri.joinPath(context.extensionUri, 'media', 'tape.svg');
    view.webview.options = { enableScripts: true, localResourceRoots: [Uri.joinPath(context.extensionUri, 'dist')] };
    view.webview.onDidReceiveMessage(data => this.hear(data));
    view.onDidChangeViewState(() => this.tell());
    view.onDidDispose(() => this.dispose());
    void this.start();
  }

  get standing(): Standing {
    return this.control?.standing ?? 'none';
  }

  /** From the beginning: page, process, subscriptions. */
  async start(): Promise<void> {
    const turn = ++this.turn;
    this.stop(say('The recording is opened anew.'));
    if (!workspace.isTrusted) {
      this.fail({ title: say('This workspace is not trusted, so no program is started to read the recording.'), detail: say('Outputs that are saved in notebooks are shown all the same.'), action: 'trust' });
      return;
    }
    const file = (name: string) => String(this.view.webview.asWebviewUri(Uri.joinPath(this.context.extensionUri, 'dist', name)));
    this.view.webview.html = page(this.view.webview.cspSource, file('panel.js'), file('views.js'), randomBytes(16).toString('hex'), env.language, this.path);
    const python = await interpreter(Uri.file(this.path));
    if (turn !== this.turn) return;
    const stream = (this.stream = new Stream(python, this.path, this.context.extensionPath, say,
      parcel => { this.answered = true; if (!this.control?.receive(parcel)) void this.view.webview.postMessage({ kind: 'parcel', parcel }); },
      trouble => this.ended(stream, trouble)));
    this.control = new Control(message => stream.send(message), (what, lost) => {
      if (lost) void window.showWarningMessage(`Tapescope: ${lost}`);
      if (what === 'findings') void this.problems.show(this.path, this.control?.findings ?? []);
      else this.tell();
    });
    this.control.attach();
    for (const message of this.early.splice(0)) stream.send(message);
  }

  private readonly early: object[] = [];               // what the page says before there is a process

  private hear(data: { kind?: string; message?: object; source?: Source; action?: string }): void {
    if (data?.kind === 'wire' && data.message) {
      if (this.stream) this.stream.send(data.message);
      else this.early.push(data.message);
    } else if (data?.kind === 'source' && data.source) void reveal(data.source, true, false);
    else if (data?.kind === 'reveal' && data.source && workspace.getConfiguration('tapescope').get('reveal', true)) void reveal(data.source, false, true);
    else if (data?.kind === 'action') this.act(String(data.action));
  }

  private act(action: string): void {
    if (action === 'retry') void this.start();
    else if (action === 'python') void commands.executeCommand('workbench.action.openSettings', 'tapescope.pythonPath');
    else if (action === 'trust') void commands.executeCommand('workbench.trust.manage');
    else if (action === 'folder') void commands.executeCommand('tapescope.open');
  }

  private ended(stream: Stream, trouble: Trouble): void {
    if (this.stream !== stream) return;
    const answered = this.answered;
    this.stop(trouble.title);
    if (!answered) return this.fail(trouble);
    void this.view.webview.postMessage({ kind: 'cut', reason: trouble.title });      // what has come stays on the page
    const again = say('Try Again');
    void window.showWarningMessage(`Tapescope: ${trouble.title}${trouble.detail ? ` ${trouble.detail}` : ''}`, again).then(choice => { if (choice === again && Panel.all.get(this.path) === this) void this.start(); });
  }

  private fail(trouble: Trouble): void {
    this.view.webview.html = troublePage(randomBytes(16).toString('hex'), env.language, this.path, trouble, say);
  }

  private stop(reason: string): void {
    const { stream, control } = this;
    this.stream = this.control = null;
    this.early.length = 0;
    this.answered = false;
    stream?.dispose();
    control?.end(reason);
    void this.problems.show(this.path, []);
  }

  private tell(): void {
    for (const fn of Panel.moved) fn();
  }

  dispose(): void {
    if (Panel.all.get(this.path) !== this) return;
    Panel.all.delete(this.path);
    this.turn++;
    this.stop(say('The panel was closed.'));
    this.tell();
  }
}
