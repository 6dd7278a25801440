import { ILabShell, ILayoutRestorer, JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, WidgetTracker } from '@jupyterlab/apputils';
import { ILauncher } from '@jupyterlab/launcher';
import { INotebookTracker } from '@jupyterlab/notebook';
import { tapescopeIcon } from './icon';
import { Links } from './link';
import { TapescopePanel } from './panel';
import { openSource } from './source';
import { tabs } from './views';

const OPEN = 'tapescope:open';
const RECORD = 'tapescope:record';

/** Commands, one panel, one link a notebook. All but the notebooks themselves is optional: Notebook 7 has less than JupyterLab. */
const plugin: JupyterFrontEndPlugin<void> = {
  id: '@tapescope/labextension:plugin',
  description: 'The Tapescope panel: what the model of the active notebook does, live.',
  autoStart: true,
  requires: [INotebookTracker],
  optional: [ILabShell, ICommandPalette, ILauncher, ILayoutRestorer],
  activate: (
    app: JupyterFrontEnd,
    notebooks: INotebookTracker,
    lab: ILabShell | null,
    palette: ICommandPalette | null,
    launcher: ILauncher | null,
    restorer: ILayoutRestorer | null
  ) => {
    const links = new Links(windowId());
    const tracker = new WidgetTracker<TapescopePanel>({ namespace: 'tapescope' });
    let panel: TapescopePanel | null = null;

    const follow = () => {
      const notebook = notebooks.currentWidget;
      panel?.follow(notebook, notebook ? links.of(notebook.sessionContext) : null);
      app.commands.notifyCommandChanged(RECORD);
    };
    notebooks.widgetAdded.connect((_, notebook) => {
      links.of(notebook.sessionContext).changed.connect(() => app.commands.notifyCommandChanged(RECORD));
    });
    notebooks.currentChanged.connect(follow);

    const open = (tab?: string) => {
      if (!panel || panel.isDisposed) {
        panel = new TapescopePanel((source, notebook) => void openSource(source, notebook, app.commands));
        void tracker.add(panel);
      }
      if (!panel.isAttached) {
        const beside = notebooks.currentWidget;
        if (lab) {
          lab.add(panel, 'main', beside?.isVisible ? { mode: 'split-right', ref: beside.id } : {});
        } else {
          app.shell.add(panel, 'right');               // Notebook 7 shows one document, and panels at its side
        }
      }
      if (!lab) {
        (app.shell as unknown as { expandRight?: () => void }).expandRight?.();
      }
      app.shell.activateById(panel.id);
      if (tab) {
        panel.show_(tab);
      }
      follow();
      return panel;
    };

    app.commands.addCommand(OPEN, {
      label: args => (args['isPalette'] ? 'Open the Tapescope Panel' : 'Tapescope'),
      caption: 'See what the model of this notebook does: graph, gradients, histograms, metrics',
      icon: tapescopeIcon,
      describedBy: {
        args: { type: 'object', properties: { tab: { type: 'string', enum: tabs.map(t => t.id), description: 'The view to show' } } }
      },
      execute: args => open(typeof args['tab'] === 'string' ? args['tab'] : undefined)
    });

    const current = () => (notebooks.currentWidget ? links.of(notebooks.currentWidget.sessionContext) : null);
    app.commands.addCommand(RECORD, {
      label: () => (current()?.recordings.some(r => r.state === 'recording') ? 'Stop Recording' : 'Start Recording'),
      caption: 'Record what the active notebook computes, as ts.record() does',
      isEnabled: () => current()?.state === 'live',
      describedBy: { args: { type: 'object', properties: {} } },
      execute: () => current()?.toggleRecording()
    });

    for (const command of [OPEN, RECORD]) {
      palette?.addItem({ command, category: 'Tapescope', args: { isPalette: true } });
    }
    launcher?.add({ command: OPEN, category: 'Other', rank: 1 });
    if (restorer) {
      void restorer.restore(tracker, { command: OPEN, name: () => 'panel' });
    }
  }
};

/** Lives as long as the browser tab: taken on load and put back on leaving, so that a duplicated tab gets its own. */
function windowId(): string {
  const key = 'tapescope.window';
  const id = sessionStorage.getItem(key) ?? crypto.randomUUID?.() ?? String(Math.random()).slice(2);
  sessionStorage.removeItem(key);
  window.addEventListener('pagehide', () => sessionStorage.setItem(key, id));
  return id;
}

export default plugin;
