FROM python:3.11-slim
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY manage.py celeryconfig.py ./
COPY dashboard dashboard
COPY integration integration
COPY tasks tasks
RUN useradd --create-home service && mkdir /data && chown service /data
USER service
ENV DATA_DIR=/data PYTHONUNBUFFERED=1
