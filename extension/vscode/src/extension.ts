import { basename, dirname } from 'node:path';
import { commands, type ExtensionContext, QuickPickItemKind, type QuickPickItem, type Uri, type WebviewPanel, window, workspace } from 'vscode';
import { speak } from '@tapescope/widgets/chrome/words';
import { kernel } from '@tapescope/widgets/words/es_kernel';
import { rules } from '@tapescope/widgets/words/es_rules';
import { askWhere, askWhich, type Breakpoint } from './breakpoints';
import { Panel, TYPE } from './panel';
import { Problems } from './problems';
import { Runs } from './runs';
import { cursor } from './source';
import { say, spanish } from './words';

const LEVELS = ['none', 'health', 'stats', 'histogram', 'full'];

export function activate(context: ExtensionContext): void {
  if (spanish()) speak('es', { ...kernel, ...rules });      // what comes from Python
  const problems = new Problems(), runs = new Runs();
  runs.seenIn(window.createTreeView('tapescope.runs', { treeDataProvider: runs }));
  const open = (path: string) => Panel.open(context, path, problems);
  const stand = () => {
    void commands.executeCommand('setContext', 'tapescope.control', Panel.active?.standing ?? 'none');
    void commands.executeCommand('setContext', 'tapescope.panels', Panel.all.size);
  };
  Panel.onMoved(stand);

  /** Acts on the process that writes the recording of the panel in front; what it refuses is said in its words. */
  const act = async (verb: string, args: object = {}, panel = Panel.active) => {
    if (!panel?.control) return void window.showWarningMessage(say('No recording is open.'));
    try {
      return await panel.control.command(verb, args);
    } catch (error) {
      void window.showErrorMessage(`Tapescope: ${(error as Error).message}`);
      return undefined;
    }
  };

  context.subscriptions.push(
    problems, runs,
    window.registerWebviewPanelSerializer(TYPE, {
      async deserializeWebviewPanel(view: WebviewPanel, state: { path?: unknown } | undefined) {
        if (typeof state?.path === 'string' && !Panel.all.has(state.path)) new Panel(context, state.path, view, problems);
        else view.dispose();
      },
    }),
    commands.registerCommand('tapescope.open', async (uri?: Uri | { path?: string }) => {
      const given = uri && 'fsPath' in uri ? uri.fsPath : await choose(runs);
      if (given) open(basename(given) === 'tape.db' ? dirname(given) : given);
    }),
    commands.registerCommand('tapescope.refresh', () => runs.refresh()),
    commands.registerCommand('tapescope.pause', () => act('control.pause')),
    commands.registerCommand('tapescope.step', () => act('control.step')),
    commands.registerCommand('tapescope.continue', () => act('control.continue')),
    commands.registerCommand('tapescope.setLevel', async () => {
      const values = await window.showQuickPick(LEVELS, { placeHolder: say('What is read of values from the next step on') });
      if (values) await act('control.level', { values });
    }),
    commands.registerCommand('tapescope.addBreakpoint', async () => {
      const panel = Panel.active, fields = await askWhere(cursor());
      if (fields && (await act('break.add', fields, panel)) !== undefined) window.setStatusBarMessage(say('The next backward pass that comes there stops.'), 5000);
    }),
    commands.registerCommand('tapescope.removeBreakpoints', async () => {
      const panel = Panel.active, known = (await act('break.list', {}, panel))?.breakpoints as Breakpoint[] | undefined;
      if (known?.length === 0) void window.showInformationMessage(say('There are no breakpoints.'));
      else if (known) for (const id of await askWhich(known)) await act('break.remove', { id }, panel);
    }),
    commands.registerCommand('tapescope.breakOn', async (path: string, finding: string) => {
      if ((await act('debug.break_on', { finding }, Panel.all.get(path))) !== undefined) void window.setStatusBarMessage(say('The next backward pass stops where this happens again.'), 5000);
    }),
    workspace.onDidGrantWorkspaceTrust(() => { for (const panel of Panel.all.values()) void panel.start(); }),
    { dispose: () => { for (const panel of [...Panel.all.values()]) panel.dispose(); } },
  );
}

/** One of the workspace's recordings, or any folder. */
async function choose(runs: Runs): Promise<string | undefined> {
  const known = await runs.paths();
  const browse = async () => (await window.showOpenDialog({ canSelectFolders: true, canSelectFiles: false, openLabel: say('Open Recording') }))?.[0]?.fsPath;
  if (!known.length) return browse();
  const items: (QuickPickItem & { path?: string })[] = known.map(path => ({ label: workspace.asRelativePath(path), description: path, path }));
  items.push({ label: '', kind: QuickPickItemKind.Separator }, { label: say('Another Folder…') });
  const chosen = await window.showQuickPick(items, { placeHolder: say('A recording') });
  return chosen && (chosen.path ?? browse());
}
