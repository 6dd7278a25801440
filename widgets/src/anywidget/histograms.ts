import { histograms } from '../views/histograms';
import { widget } from './host';

export default widget(histograms, 520);
