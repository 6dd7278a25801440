import { metrics } from '../views/metrics';
import { HEIGHTS } from '../views/heights';
import { widget } from './host';

export default widget(metrics, HEIGHTS.metrics);
