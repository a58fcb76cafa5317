-- What an allocation claims is given up by its id each time it is kept.
CREATE INDEX promised_slice_allocation ON promised_slice (allocation);
CREATE INDEX allocated_pod_allocation ON allocated_pod (allocation);
