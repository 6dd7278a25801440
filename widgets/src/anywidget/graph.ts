import { graph } from '../views/graph';
import { HEIGHTS } from '../views/heights';
import { widget } from './host';

export default widget(graph, HEIGHTS.graph);
