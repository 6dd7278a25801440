import { graph } from '../views/graph';
import { widget } from './host';

export default widget(graph, 520);
