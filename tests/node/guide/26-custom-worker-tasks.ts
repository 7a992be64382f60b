// Define custom task type
const CUSTOM_TASKS = {
  IMAGE_RESIZE: 'custom:image-resize',
  PDF_GENERATE: 'custom:pdf-generate',
};

// Execute custom task
await workers.executeTask({
  id: 'custom-1',
  type: CUSTOM_TASKS.IMAGE_RESIZE,
  data: {
    image: imageBuffer,
    width: 800,
    height: 600,
  },
});
