import { metrics } from '../views/metrics';
import { widget } from './host';

export default widget(metrics, 420);
